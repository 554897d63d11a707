//! The curves of all estimators, and images beside what each model makes of them.

use plotters::prelude::*;
use reinmax::{Draws, Host, Memory, ReinMax, Tape, measure};

use super::Job;
use super::config::Config;
use super::data::{DIGITS, Data};
use super::model::Network;
use super::saved::Saved;
use crate::folder::Folder;
use crate::plot::{Area, Curves, PALETTE, SIZE, Series, UNITS, picture};
use crate::task::Done;

/// Images in a row of the picture.
const COLUMNS: usize = 10;
/// Shades of grey, white not among them: neighbours of one shade are one shape.
const SHADES: f32 = 16.0;
/// Room for names, left of the images, and around them: pixels.
const NAMES: u32 = 230;
const MARGIN: u32 = 18;

/// Training curves with a band over seeds; in dashes those of the test images.
pub(super) fn curves(config: &Config, runs: &[Done<Config>]) -> Result<String, String> {
    let Config { latents, categories, batch, epochs, seeds, data, .. } = config;
    let series = runs.chunk_by(|(a, _), (b, _)| a.choice == b.choice).map(|seeds| {
        let curves = |value: fn(&super::Epoch) -> f64| -> Vec<Vec<f64>> {
            seeds.iter().map(|(_, epochs)| epochs.iter().map(value).collect()).collect()
        };
        let name = seeds.first().map_or_else(String::new, |(job, _)| job.choice.label());
        Series::new(name, &curves(|epoch| epoch.loss)).and_dashes(&curves(|epoch| epoch.test_loss))
    });
    let images = if data == DIGITS { "digits of 8 x 8 pixels" } else { "images" };
    let curves = Curves {
        caption: format!("{images}, {latents} variables of {categories} categories, seeds {seeds}; dashed: test"),
        epoch: format!("epoch (batches of {batch} images)"),
        loss: ("negative ELBO, nats an image".to_owned(), 1),
        epochs: *epochs,
        optimum: None,
        // The first ones lie far above.
        room_from: 1 + *epochs as usize / 10,
        series: series.collect(),
    };
    curves.picture()
}

/// The first images of the test set, and below them what the first model of each estimator makes of them.
pub(super) fn images(config: &Config, data: &Data, folder: &Folder, runs: &[Done<Config>]) -> Result<String, String> {
    let network = Network::new(&Config { batch: COLUMNS as u32, ..config.clone() }, data.test.pixels());
    let mut originals = vec![0.0; COLUMNS * data.test.pixels()];
    data.test.copy((0..COLUMNS).map(|at| at % data.test.len()), &mut originals);
    let mut rows = vec![("test images".to_owned(), originals.clone())];
    for models in runs.chunk_by(|(a, _), (b, _)| a.choice == b.choice) {
        let Some((job, _)) = models.first() else { continue };
        // Whoever moved it away misses no number.
        let Some(model) = Saved::read(folder, job, &network)? else { continue };
        rows.push((job.choice.label(), reconstructed(&network, job, &model.params, &originals)?));
    }
    let (width, height) = (data.test.width, data.test.height);
    // The side of a pixel of an image, in units.
    let across = (SIZE.0 - NAMES - MARGIN) * UNITS / (COLUMNS * (width + 1)) as u32;
    let pixel = across.max(1) as i32;
    let down = (rows.len() * (height + 1)) as u32 * pixel as u32 / UNITS;
    picture((SIZE.0, down + 2 * MARGIN), |area| {
        let colours = [BLACK].iter().chain(PALETTE.iter().cycle());
        for (at, ((name, images), colour)) in rows.iter().zip(colours).enumerate() {
            draw_row(area, name, images, *colour, (at, pixel, width, height))?;
        }
        Ok(())
    })
}

/// Probabilities of the pixels, with codes drawn from the encoder.
fn reconstructed(network: &Network, job: &Job, params: &[f32], images: &[f32]) -> Result<Vec<f32>, String> {
    let named = |error: reinmax::Error| error.to_string();
    // No gradient is asked for, so any estimator will do.
    let record = |tape: &mut Tape<'_, Host>| network.record(tape, params, ReinMax { tau: 1.0 });
    let footprint = measure(Host::detect(), |tape| record(tape).map(drop)).map_err(named)?;
    let mut memory = Memory::new(&footprint);
    let mut tape = Tape::with_backend(memory.slabs(), Host::detect());
    let recorded = record(&mut tape).map_err(named)?;
    tape.seed(job.seed, 0);
    tape.set(recorded.images, images).map_err(named)?;
    tape.replay(recorded.start, Draws::Stream).map_err(named)?;
    let logits = tape.value(recorded.pixels).map_err(named)?;
    Ok(logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect())
}

/// One row: a name, and images in black on white.
fn draw_row(
    area: &Area<'_>,
    name: &str,
    images: &[f32],
    colour: RGBColor,
    (row, pixel, width, height): (usize, i32, usize, usize),
) -> Result<(), Box<dyn std::error::Error>> {
    let top = (MARGIN * UNITS) as i32 + row as i32 * (height as i32 + 1) * pixel;
    let style = ("sans-serif", 15 * UNITS).into_font().color(&colour);
    area.draw(&Text::new(name, ((MARGIN * UNITS) as i32, top + height as i32 * pixel / 2), style))?;
    for (at, image) in images.chunks_exact(width * height).enumerate() {
        let left = (NAMES * UNITS) as i32 + (at * (width + 1)) as i32 * pixel;
        for (y, line) in image.chunks_exact(width).enumerate() {
            let mut x = 0;
            for run in line.chunk_by(|a, b| shade(*a) == shade(*b)) {
                let begin = x;
                x += run.len();
                let shade = run.first().map_or(0, |value| shade(*value));
                if shade == 0 {
                    continue;
                }
                let at = |x: usize, y: usize| (left + x as i32 * pixel, top + y as i32 * pixel);
                let grey = 255 - (255.0 * f32::from(shade) / SHADES) as u8;
                let style = RGBColor(grey, grey, grey).filled();
                area.draw(&Rectangle::new([at(begin, y), at(x, y + 1)], style))?;
            }
        }
    }
    Ok(())
}

/// A value in [0, 1] as a shade of grey, 0 for white.
fn shade(value: f32) -> u8 {
    (value * SHADES + 0.5) as u8
}
