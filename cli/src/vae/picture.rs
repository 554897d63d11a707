//! The curves of all estimators, and images beside what each model makes of them.

use plotters::prelude::*;
use reinmax::{DecoupledSt, Draws, Host, Memory, Tape, measure};

use super::Job;
use super::config::Config;
use super::data::{DIGITS, Data};
use super::model::Network;
use super::saved::Place;
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
/// The most that a row is high: pixels.
const MAX_HEIGHT: u32 = 66;
/// No image is drawn with more pixels a side.
const MAX_SIDE: usize = 64;

type Drawn = Result<(), Box<dyn std::error::Error>>;

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
    let pixels = data.test.pixels();
    let network = Network::new(&Config { batch: COLUMNS as u32, ..config.clone() }, pixels);
    let mut originals = vec![0.0; COLUMNS * pixels];
    data.test.copy((0..COLUMNS).map(|at| at % data.test.len()), &mut originals);
    let mut rows = vec![("test images".to_owned(), originals.clone())];
    for models in runs.chunk_by(|(a, _), (b, _)| a.choice == b.choice) {
        let Some((job, _)) = models.first() else { continue };
        // Whoever moved or changed it misses no number, only a row of the picture.
        let place = Place { folder, job, config, network: &network };
        let Ok(Some(model)) = place.read() else { continue };
        rows.push((job.choice.label(), reconstructed(&network, job, &model.params, &originals)?));
    }
    let grid = Grid::new(data.test.width, data.test.height);
    let height = grid.top(rows.len()) as u32 / UNITS + MARGIN;
    picture((SIZE.0, height), |area| {
        let colours = [BLACK].iter().chain(PALETTE.iter().cycle());
        for (at, ((name, images), colour)) in rows.iter().zip(colours).enumerate() {
            grid.draw_row(area, at, name, images, *colour)?;
        }
        Ok(())
    })
}

/// Probabilities of the pixels, with codes drawn from the encoder.
fn reconstructed(network: &Network, job: &Job, params: &[f32], images: &[f32]) -> Result<Vec<f32>, String> {
    let named = |error: reinmax::Error| error.to_string();
    let host = Host::from_env().map_err(|error| error.to_string())?;
    let tau = job.choice.tau_of_draws();
    // No gradient is asked for: any estimator that draws from this distribution will do.
    let estimator = (DecoupledSt { tau_forward: tau, tau_backward: 1.0 }, tau);
    let record = |tape: &mut Tape<'_, Host>| network.record(tape, params, estimator);
    let footprint = measure(host, |tape| record(tape).map(drop)).map_err(named)?;
    let mut memory = Memory::new(&footprint);
    let mut tape = Tape::with_backend(memory.slabs(), host);
    let recorded = record(&mut tape).map_err(named)?;
    tape.seed(job.seed, 0);
    tape.set(recorded.images, images).map_err(named)?;
    tape.replay(recorded.start, Draws::Stream).map_err(named)?;
    let logits = tape.value(recorded.pixels).map_err(named)?;
    Ok(logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect())
}

/// Where images lie, in units.
struct Grid {
    /// Of an image, as it is given.
    width: usize,
    height: usize,
    /// So many pixels of it, a side, are drawn as one.
    block: usize,
    /// The side of one that is drawn.
    side: i32,
}

impl Grid {
    fn new(width: usize, height: usize) -> Self {
        let block = width.max(height).div_ceil(MAX_SIDE);
        let across = (SIZE.0 - NAMES - MARGIN) * UNITS / COLUMNS as u32 / (width.div_ceil(block) as u32 + 1);
        let down = MAX_HEIGHT * UNITS / (height.div_ceil(block) as u32 + 1);
        Grid { width, height, block, side: across.min(down).max(1) as i32 }
    }

    /// The upper edge of a row.
    fn top(&self, row: usize) -> i32 {
        (MARGIN * UNITS) as i32 + row as i32 * (self.height.div_ceil(self.block) as i32 + 1) * self.side
    }

    /// One row: a name, and images in black on white.
    fn draw_row(&self, area: &Area<'_>, row: usize, name: &str, images: &[f32], colour: RGBColor) -> Drawn {
        let (columns, lines) = (self.width.div_ceil(self.block), self.height.div_ceil(self.block));
        let middle = self.top(row) + lines as i32 * self.side / 2;
        let style = ("sans-serif", 15 * UNITS).into_font().color(&colour);
        area.draw(&Text::new(name, ((MARGIN * UNITS) as i32, middle), style))?;
        for (at, image) in images.chunks_exact(self.width * self.height).enumerate() {
            let left = (NAMES * UNITS) as i32 + (at * (columns + 1)) as i32 * self.side;
            for y in 0..lines {
                let shades: Vec<u8> = (0..columns).map(|x| self.shade(image, x, y)).collect();
                self.draw_line(area, (left, self.top(row) + y as i32 * self.side), &shades)?;
            }
        }
        Ok(())
    }

    /// One line of an image: neighbours of one shade are one rectangle.
    fn draw_line(&self, area: &Area<'_>, (left, top): (i32, i32), shades: &[u8]) -> Drawn {
        let mut right = left;
        for run in shades.chunk_by(|a, b| a == b) {
            let begin = right;
            right += run.len() as i32 * self.side;
            let shade = run.first().copied().unwrap_or(0);
            if shade > 0 {
                let grey = 255 - (255.0 * f32::from(shade) / SHADES) as u8;
                let style = RGBColor(grey, grey, grey).filled();
                area.draw(&Rectangle::new([(begin, top), (right, top + self.side)], style))?;
            }
        }
        Ok(())
    }

    /// The mean of a block of pixels in [0, 1] as a shade of grey, 0 for white.
    fn shade(&self, image: &[f32], x: usize, y: usize) -> u8 {
        let lines = image.chunks_exact(self.width).skip(y * self.block).take(self.block);
        let values = lines.flat_map(|line| line.iter().skip(x * self.block).take(self.block));
        let (sum, count) = values.fold((0.0, 0.0_f32), |(sum, count), value| (sum + value, count + 1.0));
        (sum / count * SHADES + 0.5) as u8
    }
}
