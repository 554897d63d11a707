//! Bias against standard deviation, a mark for each estimator.

use plotters::prelude::*;

use super::report::{Entry, Section};
use crate::plot::{Area, GREY, LABELS, PALETTE, SIZE, UNITS, named_points, picture};

/// Less is drawn at the lower edge: rounding, or a bias that does not matter.
const MIN_BIAS: f64 = 1e-3;

/// An SVG of one problem. Full marks are enumerated, hollow ones Monte Carlo. What has no variance is not in it.
pub(crate) fn bias_and_spread(section: &Section) -> Result<String, String> {
    picture(|area| draw(section, area))
}

fn at(entry: &Entry) -> (f64, f64) {
    (entry.relative_std, entry.relative_bias.max(MIN_BIAS))
}

/// From the lower edge to the power of ten above all biases.
fn biases<'a>(entries: impl Iterator<Item = &'a Entry>) -> std::ops::Range<f64> {
    let greatest = entries.map(|entry| at(entry).1).fold(10.0 * MIN_BIAS, f64::max);
    MIN_BIAS * 0.8..10_f64.powf(greatest.log10().ceil())
}

fn draw(section: &Section, area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
    let entries = || section.results.iter().filter(|entry| entry.relative_std > 0.0);
    let widest = entries().map(|entry| at(entry).0).fold(0.0, f64::max).max(1e-6);
    let mut chart = ChartBuilder::on(area)
        .margin(18 * UNITS)
        .margin_right(LABELS * UNITS)
        .x_label_area_size(48 * UNITS)
        .y_label_area_size(72 * UNITS)
        .build_cartesian_2d(0.0..widest * 1.08, biases(entries()).log_scale())?;
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
        .y_desc("relative bias (full marks: enumerated)")
        .label_style(("sans-serif", 15 * UNITS))
        .axis_desc_style(("sans-serif", 16 * UNITS))
        .draw()?;
    let mut names = Vec::new();
    for (entry, colour) in entries().zip(PALETTE.iter().cycle()) {
        let style = colour.stroke_width(2 * UNITS);
        let style = if entry.method == "enumerated" { style.filled() } else { style };
        chart.draw_series([Circle::new(at(entry), 5 * UNITS, style)])?;
        names.push((chart.backend_coord(&at(entry)), entry.label.as_str(), *colour));
    }
    // All names in one column, beside the axes.
    named_points(area, names, Some(((SIZE.0 - LABELS) * UNITS) as i32))
}
