//! The curves of all estimators, with a band over seeds, as an SVG.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use crate::statistics::mean_sd;

/// Colours that stay apart for colour-blind readers and in print: seven of Okabe and Ito, then of Tol's muted scheme.
pub(crate) const PALETTE: [RGBColor; 15] = [
    RGBColor(0, 0, 0),
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(51, 34, 136),
    RGBColor(136, 34, 85),
    RGBColor(153, 153, 51),
    RGBColor(170, 68, 153),
    RGBColor(68, 170, 153),
    RGBColor(204, 102, 119),
    RGBColor(17, 119, 51),
    RGBColor(190, 165, 80),
];
pub(crate) const GREY: RGBColor = RGBColor(110, 110, 110);
/// The picture's size in pixels, and in units of drawing: the backend rounds to whole units, too coarse for smooth
/// curves.
pub(crate) const SIZE: (u32, u32) = (880, 520);
pub(crate) const UNITS: u32 = 8;
/// The distance that the names of two lines should have: pixels.
const LINE_HEIGHT: u32 = 19;
/// From the end of the axes to the names, and from the names to the picture's edge: pixels.
const BEFORE_NAMES: u32 = 24;
const AFTER_NAMES: u32 = 8;
/// Room for names without parameters: pixels.
const SHORT_NAMES: u32 = 210;

/// Curves over epochs, one for each estimator.
pub(crate) struct Curves {
    /// What neither axis says.
    pub(crate) caption: String,
    /// Below the horizontal axis.
    pub(crate) epoch: String,
    /// Beside the vertical axis, and the decimals of its numbers.
    pub(crate) loss: (String, usize),
    /// How many there are.
    pub(crate) epochs: u32,
    /// The least that is possible, where it is known.
    pub(crate) optimum: Option<f64>,
    /// The first epoch for whose losses there is room; what earlier ones lie above is left out.
    pub(crate) room_from: usize,
    pub(crate) series: Vec<Series>,
}

/// One estimator.
pub(crate) struct Series {
    name: String,
    /// Mean and standard deviation over seeds, of each epoch.
    mean: Vec<f64>,
    sd: Vec<f64>,
    /// Another mean of each epoch, drawn in dashes.
    dashes: Vec<f64>,
}

impl Series {
    /// Of the curves of several seeds.
    pub(crate) fn new(name: String, curves: &[Vec<f64>]) -> Self {
        let (mean, sd) = over_seeds(curves).unzip();
        Series { name, mean, sd, dashes: Vec::new() }
    }

    /// With the mean of other curves.
    pub(crate) fn and_dashes(self, curves: &[Vec<f64>]) -> Self {
        Series { dashes: over_seeds(curves).map(|(mean, _)| mean).collect(), ..self }
    }
}

/// Mean and standard deviation of each epoch.
fn over_seeds(curves: &[Vec<f64>]) -> impl Iterator<Item = (f64, f64)> {
    let epoch = |e: usize| -> Vec<f64> { curves.iter().filter_map(|curve| curve.get(e)).copied().collect() };
    (0..curves.first().map_or(0, Vec::len)).map(move |e| mean_sd(&epoch(e)))
}

/// The room that names take right of the axes, in pixels: the same for all that are short, so that pictures of them
/// look alike.
pub(crate) fn room_for<'n>(area: &Area<'_>, names: impl Iterator<Item = &'n str>) -> u32 {
    let style = ("sans-serif", 15 * UNITS).into_text_style(area);
    let width = |name: &str| area.estimate_text_size(name, &style).map_or(0, |(width, _)| width);
    let widest = names.map(width).max().unwrap_or(0).div_ceil(UNITS);
    (widest + BEFORE_NAMES + AFTER_NAMES).clamp(SHORT_NAMES, SIZE.0 / 2)
}

/// What is drawn on: a picture of `SIZE`, in units.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// An SVG of this size, in pixels, of what `draw` draws on a white area.
pub(crate) fn picture(
    size: (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<String, String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (size.0 * UNITS, size.1 * UNITS)).into_drawing_area();
    let drawn = area.fill(&WHITE).map_err(Into::into).and_then(|()| draw(&area));
    drawn.and_then(|()| Ok(area.present()?)).map_err(|error| format!("the picture cannot be drawn: {error}"))?;
    drop(area);
    let size_in = |unit| format!(r#"width="{}" height="{}""#, size.0 * unit, size.1 * unit);
    Ok(svg.replacen(&size_in(UNITS), &size_in(1), 1))
}

impl Curves {
    /// As an SVG.
    pub(crate) fn picture(&self) -> Result<String, String> {
        picture(SIZE, |area| self.draw(area))
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
        let last_ones = |curve| <[f64]>::iter(curve).skip(self.room_from - 1);
        let curves = || self.series.iter().flat_map(|s| last_ones(&s.mean).chain(last_ones(&s.dashes)));
        let finite = || curves().chain(&self.optimum).copied().filter(|x| x.is_finite());
        let (low, high) = (finite().fold(f64::MAX, f64::min), finite().fold(f64::MIN, f64::max));
        let margin = (high - low).max(1e-6) * 0.06;
        let epochs = f64::from(self.epochs);
        let first = if self.epochs > 1 { 1.0 } else { 0.0 };
        let mut chart = ChartBuilder::on(area)
            .margin(18 * UNITS)
            .margin_right(room_for(area, self.series.iter().map(|series| series.name.as_str())) * UNITS)
            .x_label_area_size(48 * UNITS)
            .y_label_area_size(72 * UNITS)
            .caption(&self.caption, ("sans-serif", 15 * UNITS, &GREY))
            .build_cartesian_2d(first..epochs, low - margin..high + margin)?;
        self.axes(&mut chart)?;
        if let Some(best) = self.optimum {
            chart.draw_series(dashed([(first, best), (epochs, best)], GREY, UNITS))?;
        }
        for (series, colour) in self.series.iter().zip(PALETTE.iter().cycle()) {
            let in_room = |(_, x): &(f64, f64)| *x <= high + margin;
            let seen: Vec<_> = numbered(&series.mean).zip(&series.sd).filter(|(point, _)| in_room(point)).collect();
            let upper = seen.iter().map(|((e, x), sd)| (*e, (x + *sd).min(high + margin)));
            let lower = seen.iter().rev().map(|((e, x), sd)| (*e, x - *sd));
            chart.draw_series([Polygon::new(upper.chain(lower).collect::<Vec<_>>(), colour.mix(0.18))])?;
            let line = seen.iter().map(|(point, _)| *point);
            chart.draw_series(LineSeries::new(line, colour.stroke_width(2 * UNITS)))?;
            chart.draw_series(dashed(numbered(&series.dashes).filter(in_room), *colour, UNITS))?;
        }
        self.labels(area, &chart)
    }

    fn axes(&self, chart: &mut Chart<'_, '_>) -> Result<(), Box<dyn std::error::Error>> {
        let (loss, decimals) = &self.loss;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GREY.mix(0.22).stroke_width(UNITS))
            .axis_style(GREY.stroke_width(UNITS))
            .set_all_tick_mark_size(5 * UNITS)
            .x_labels(10)
            .y_labels(6)
            .x_label_formatter(&|x| if x.fract() == 0.0 { format!("{x:.0}") } else { String::new() })
            .y_label_formatter(&|y| format!("{y:.decimals$}"))
            .x_desc(&self.epoch)
            .y_desc(loss)
            .label_style(("sans-serif", 15 * UNITS))
            .axis_desc_style(("sans-serif", 16 * UNITS))
            .draw()?;
        Ok(())
    }

    /// Writes each name at the end of its line, moved apart where lines end close together.
    fn labels(&self, area: &Area<'_>, chart: &Chart<'_, '_>) -> Result<(), Box<dyn std::error::Error>> {
        let end = |value: f64| chart.backend_coord(&(f64::from(self.epochs), value));
        let named = self.series.iter().zip(PALETTE.iter().cycle());
        let mut names: Vec<_> =
            named.filter_map(|(s, colour)| Some((end(*s.mean.last()?), s.name.as_str(), *colour))).collect();
        names.extend(self.optimum.map(|best| (end(best), "optimum", GREY)));
        named_points(area, names, None)
    }
}

/// Epochs, from 1, with their values.
fn numbered(values: &[f64]) -> impl Iterator<Item = (f64, f64)> + Clone + '_ {
    values.iter().enumerate().map(|(e, x)| ((e + 1) as f64, *x))
}

/// A dashed line.
fn dashed<I: IntoIterator<Item = (f64, f64)>>(
    points: I,
    colour: RGBColor,
    width: u32,
) -> DashedLineSeries<I::IntoIter, u32>
where
    I::IntoIter: Clone,
{
    DashedLineSeries::new(points, 6 * UNITS, 5 * UNITS, colour.stroke_width(width))
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// Writes a name to the right of each point, or in a column that begins at `column` (all in units), moved apart where
/// points lie at much the same height.
pub(crate) fn named_points(
    area: &Area<'_>,
    mut names: Vec<((i32, i32), &str, RGBColor)>,
    column: Option<i32>,
) -> Result<(), Box<dyn std::error::Error>> {
    names.sort_by_key(|((_, y), ..)| *y);
    let units = |pixels: u32| (pixels * UNITS) as i32;
    let heights =
        apart(names.iter().map(|((_, y), ..)| *y), units(LINE_HEIGHT), units(LINE_HEIGHT)..units(SIZE.1 - LINE_HEIGHT));
    for (((x, y), name, colour), line) in names.into_iter().zip(heights) {
        let anchor = plotters::style::text_anchor::Pos::new(HPos::Left, VPos::Center);
        let style = ("sans-serif", 15 * UNITS).into_font().color(&colour).pos(anchor);
        let leader = colour.mix(0.5).stroke_width(UNITS);
        let end = column.unwrap_or(x + units(16));
        area.draw(&PathElement::new([(x + units(3), y), (end, line)], leader))?;
        area.draw(&Text::new(name, (end + units(4), line), style))?;
    }
    Ok(())
}

/// Ascending heights, moved to lie `distance` apart (less where they are too many) and inside `range`.
fn apart(heights: impl Iterator<Item = i32>, distance: i32, range: std::ops::Range<i32>) -> Vec<i32> {
    let mut heights: Vec<i32> = heights.collect();
    let gaps = i32::try_from(heights.len()).unwrap_or(i32::MAX).saturating_sub(1).max(1);
    let distance = distance.min((range.end - range.start) / gaps);
    // Upwards from the lowest line; what leaves the range at the top pushes down again.
    let mut limit = range.end;
    for height in heights.iter_mut().rev() {
        *height = (*height).min(limit);
        limit = *height - distance;
    }
    let mut limit = range.start;
    for height in &mut heights {
        *height = (*height).max(limit);
        limit = *height + distance;
    }
    heights
}
