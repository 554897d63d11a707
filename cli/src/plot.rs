//! The curves of all estimators, with a band over seeds, as an SVG.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use crate::config::{Config, Job};
use crate::polynomial::Curve;
use crate::report::optimum;
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

/// One estimator: mean and standard deviation of each epoch.
struct Series {
    name: String,
    mean: Vec<f64>,
    sd: Vec<f64>,
}

/// Draws all runs of one power.
pub(crate) fn curves(config: &Config, power: f32, jobs: &[Job], curves: &[Curve]) -> Result<String, String> {
    let series = series(power, jobs, curves);
    picture(|area| draw(config, power, &series, area))
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

/// An SVG of what `draw` draws on a white area.
pub(crate) fn picture(
    draw: impl FnOnce(&Area<'_>) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<String, String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (SIZE.0 * UNITS, SIZE.1 * UNITS)).into_drawing_area();
    let drawn = area.fill(&WHITE).map_err(Into::into).and_then(|()| draw(&area));
    drawn.and_then(|()| Ok(area.present()?)).map_err(|error| format!("the picture cannot be drawn: {error}"))?;
    drop(area);
    let size = |unit| format!(r#"width="{}" height="{}""#, SIZE.0 * unit, SIZE.1 * unit);
    Ok(svg.replacen(&size(UNITS), &size(1), 1))
}

fn series(power: f32, jobs: &[Job], curves: &[Curve]) -> Vec<Series> {
    let mine: Vec<_> = jobs.iter().zip(curves).filter(|(job, _)| job.power == power).collect();
    mine.chunk_by(|a, b| a.0.choice == b.0.choice)
        .filter_map(|group| {
            let (job, first) = group.first()?;
            let epoch = |e: usize| -> Vec<f64> { group.iter().filter_map(|(_, c)| c.loss.get(e)).copied().collect() };
            let (mean, sd) = (0..first.loss.len()).map(|e| mean_sd(&epoch(e))).unzip();
            Some(Series { name: job.choice.label(), mean, sd })
        })
        .collect()
}

fn draw(config: &Config, power: f32, series: &[Series], area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
    let best = optimum(config, power);
    let values = || series.iter().flat_map(|s| &s.mean).copied().filter(|x| x.is_finite());
    let (low, high) = (values().fold(best, f64::min), values().fold(best, f64::max));
    let margin = (high - low).max(1e-6) * 0.06;
    let epochs = f64::from(config.epochs);
    let first = if config.epochs > 1 { 1.0 } else { 0.0 };
    let mut chart = ChartBuilder::on(area)
        .margin(18 * UNITS)
        .margin_right(room_for(area, series.iter().map(|series| series.name.as_str())) * UNITS)
        .x_label_area_size(48 * UNITS)
        .y_label_area_size(72 * UNITS)
        .caption(caption(config), ("sans-serif", 15 * UNITS, &GREY))
        .build_cartesian_2d(first..epochs, low - margin..high + margin)?;
    axes(&mut chart, config, power)?;
    let dashes = DashedLineSeries::new([(first, best), (epochs, best)], 6 * UNITS, 5 * UNITS, GREY.stroke_width(UNITS));
    chart.draw_series(dashes)?;
    for (series, colour) in series.iter().zip(PALETTE.iter().cycle()) {
        let points = || series.mean.iter().enumerate().map(|(e, x)| ((e + 1) as f64, *x));
        let upper = points().zip(&series.sd).map(|((e, x), sd)| (e, x + sd));
        let lower = points().zip(&series.sd).map(|((e, x), sd)| (e, x - sd));
        let band: Vec<_> = upper.chain(lower.collect::<Vec<_>>().into_iter().rev()).collect();
        chart.draw_series([Polygon::new(band, colour.mix(0.18))])?;
        chart.draw_series(LineSeries::new(points(), colour.stroke_width(2 * UNITS)))?;
    }
    labels(area, &chart, series, epochs, best)
}

/// What neither axis says.
fn caption(config: &Config) -> String {
    let Config { latents, categories, lr, optimizer, seeds, .. } = config;
    format!("{latents} variables of {categories} categories, {optimizer:?} at {lr}, seeds {seeds}")
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn axes(chart: &mut Chart<'_, '_>, config: &Config, power: f32) -> Result<(), Box<dyn std::error::Error>> {
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
        .y_label_formatter(&|y| format!("{y:.3}"))
        .x_desc(format!("epoch ({} steps of {} samples)", config.steps_per_epoch, config.batch))
        .y_desc(format!("mean of |X - {}|^{power}", config.target))
        .label_style(("sans-serif", 15 * UNITS))
        .axis_desc_style(("sans-serif", 16 * UNITS))
        .draw()?;
    Ok(())
}

/// Writes each name at the end of its line, moved apart where lines end close together.
fn labels(
    area: &Area<'_>,
    chart: &Chart<'_, '_>,
    series: &[Series],
    epochs: f64,
    best: f64,
) -> Result<(), Box<dyn std::error::Error>> {
    let end = |value: f64| chart.backend_coord(&(epochs, value));
    let named = series.iter().zip(PALETTE.iter().cycle());
    let mut names: Vec<_> =
        named.map(|(s, colour)| (end(s.mean.last().copied().unwrap_or(best)), s.name.as_str(), *colour)).collect();
    names.push((end(best), "optimum", GREY));
    named_points(area, names, None)
}

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
