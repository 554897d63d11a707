//! Bias against standard deviation, a mark for each estimator.

use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;

use super::report::{Entry, Section};
use crate::plot::{Area, GREY, PALETTE, SIZE, UNITS, named_points, picture, room_for};

/// Less is drawn at the lower edge, and so is what noise alone would show.
const MIN_BIAS: f64 = 1e-3;
/// Deviations that lie further apart than this factor get a logarithmic axis.
const LINEAR: f64 = 10.0;

/// An SVG of one problem. Full marks are enumerated, hollow ones Monte Carlo. What has no variance is not in it.
pub(crate) fn bias_and_spread(section: &Section) -> Result<String, String> {
    picture(SIZE, |area| draw(section, area))
}

fn at(entry: &Entry) -> (f64, f64) {
    let bias = if entry.has_bias() { entry.relative_bias } else { 0.0 };
    (entry.relative_std, bias.max(MIN_BIAS))
}

/// A mark, and the estimators that it stands for: those with much the same bias and deviation share one.
struct Mark<'a> {
    entry: &'a Entry,
    name: String,
}

fn marks<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<Mark<'a>> {
    let near = |a: f64, b: f64| (a - b).abs() <= 0.005 * a.max(b);
    let mut marks: Vec<Mark<'a>> = Vec::new();
    for entry in entries {
        let same = |mark: &&mut Mark<'_>| {
            let (a, b) = (at(mark.entry), at(entry));
            near(a.0, b.0) && near(a.1, b.1) && mark.entry.method == entry.method
        };
        match marks.iter_mut().find(same) {
            Some(mark) => mark.name = format!("{} = {}", mark.name, entry.label),
            None => marks.push(Mark { entry, name: entry.label.clone() }),
        }
    }
    marks
}

/// The least deviation and the greatest.
fn deviations(marks: &[Mark<'_>]) -> (f64, f64) {
    let all = || marks.iter().map(|mark| at(mark.entry).0);
    if marks.is_empty() { (0.0, 1.0) } else { (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max)) }
}

/// From the lower edge to the power of ten above all biases.
fn biases(marks: &[Mark<'_>]) -> std::ops::Range<f64> {
    let greatest = marks.iter().map(|mark| at(mark.entry).1).fold(10.0 * MIN_BIAS, f64::max);
    MIN_BIAS * 0.8..10_f64.powf(greatest.log10().ceil())
}

fn draw(section: &Section, area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
    let marks = marks(section.results.iter().filter(|entry| entry.relative_std > 0.0));
    let room = room_for(area, marks.iter().map(|mark| mark.name.as_str()));
    let (least, greatest) = deviations(&marks);
    let mut builder = ChartBuilder::on(area);
    builder.margin(18 * UNITS).margin_right(room * UNITS).x_label_area_size(48 * UNITS).y_label_area_size(72 * UNITS);
    let biases = biases(&marks).log_scale();
    let names = if greatest > LINEAR * least {
        // Whole powers of ten, which are what a logarithmic axis names.
        let decades = 10_f64.powf(least.log10().floor())..10_f64.powf(greatest.log10().ceil());
        place(builder.build_cartesian_2d(decades.log_scale(), biases)?, section, &marks)?
    } else {
        place(builder.build_cartesian_2d(0.0..greatest * 1.08, biases)?, section, &marks)?
    };
    // All names in one column, beside the axes.
    named_points(area, names, Some(((SIZE.0 - room) * UNITS) as i32))
}

/// Where a mark lies in the picture, its name and its colour.
type Name<'a> = ((i32, i32), &'a str, RGBColor);

/// Draws axes and marks; what is left are the names.
fn place<'m, X: Ranged<ValueType = f64> + ValueFormatter<f64>>(
    mut chart: ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, LogCoord<f64>>>,
    section: &Section,
    marks: &'m [Mark<'_>],
) -> Result<Vec<Name<'m>>, Box<dyn std::error::Error>> {
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GREY.mix(0.22).stroke_width(UNITS))
        .axis_style(GREY.stroke_width(UNITS))
        .set_all_tick_mark_size(5 * UNITS)
        .x_labels(8)
        .y_labels(8)
        .y_label_formatter(&|y| if *y <= MIN_BIAS { "≤ 0.001".to_owned() } else { format!("{y}") })
        .x_desc(format!("relative standard deviation of one gradient ({})", section.problem))
        .y_desc("relative bias; lowest: none found (full marks: enumerated)")
        .label_style(("sans-serif", 15 * UNITS))
        .axis_desc_style(("sans-serif", 16 * UNITS))
        .draw()?;
    let mut names = Vec::new();
    for (mark, colour) in marks.iter().zip(PALETTE.iter().cycle()) {
        let style = colour.stroke_width(2 * UNITS);
        let style = if mark.entry.method == "enumerated" { style.filled() } else { style };
        chart.draw_series([Circle::new(at(mark.entry), 5 * UNITS, style)])?;
        names.push((chart.backend_coord(&at(mark.entry)), mark.name.as_str(), *colour));
    }
    Ok(names)
}
