//! Bias against standard deviation, both axes logarithmic, a mark for each estimator.

use plotters::prelude::*;

use super::report::{Entry, Section};
use crate::plot::{Area, GREY, LABELS, PALETTE, UNITS, named_points, picture};

/// Less is drawn at the edge: it is f32 rounding, or nothing at all.
const LEAST: f64 = 1e-5;

/// An SVG of one problem. Full marks are enumerated, hollow ones Monte Carlo.
pub(crate) fn bias_and_spread(section: &Section) -> Result<String, String> {
    picture(|area| draw(section, area))
}

fn at(entry: &Entry) -> (f64, f64) {
    (entry.relative_std.max(LEAST), entry.relative_bias.max(LEAST))
}

/// Whole powers of ten around all values.
fn decades(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (low, high) = values.fold((1.0_f64, 1.0_f64), |(low, high), x| (low.min(x), high.max(x)));
    10_f64.powf((low * 0.99).log10().floor())..10_f64.powf((high * 1.01).log10().ceil())
}

fn draw(section: &Section, area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
    let points = || section.results.iter().map(at);
    let mut chart = ChartBuilder::on(area)
        .margin(18 * UNITS)
        .margin_right(LABELS * UNITS)
        .x_label_area_size(48 * UNITS)
        .y_label_area_size(72 * UNITS)
        .build_cartesian_2d(
            decades(points().map(|(x, _)| x)).log_scale(),
            decades(points().map(|(_, y)| y)).log_scale(),
        )?;
    let power = |x: &f64| format!("{x:.0e}");
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GREY.mix(0.22).stroke_width(UNITS))
        .axis_style(GREY.stroke_width(UNITS))
        .set_all_tick_mark_size(5 * UNITS)
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&power)
        .y_label_formatter(&power)
        .x_desc(format!("relative standard deviation of one gradient ({})", section.problem))
        .y_desc("relative bias (1e-5: rounding or none; full marks: enumerated)")
        .label_style(("sans-serif", 15 * UNITS))
        .axis_desc_style(("sans-serif", 16 * UNITS))
        .draw()?;
    let mut names = Vec::new();
    let spelled: Vec<String> = section.results.iter().map(|entry| entry.spelled(",")).collect();
    for ((entry, name), colour) in section.results.iter().zip(&spelled).zip(PALETTE.iter().cycle()) {
        let style = colour.stroke_width(2 * UNITS);
        let style = if entry.method == "enumerated" { style.filled() } else { style };
        chart.draw_series([Circle::new(at(entry), 5 * UNITS, style)])?;
        let (x, y) = chart.backend_coord(&at(entry));
        names.push(((x + 4 * UNITS as i32, y), name.as_str(), *colour));
    }
    named_points(area, names)
}
