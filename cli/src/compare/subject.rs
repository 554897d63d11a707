//! What the laboratory looks at: problems one by one, or the images of a trained model together.

use std::borrow::Cow;
use std::ops::Range;

use reinmax::Host;

use super::args::GradientsArgs;
use super::problem::{Problem, count_table};
use crate::Failure;
use crate::settings::range;
use crate::vae::trained::Trained;

/// So many images does a model get where the command line does not say which.
const IMAGES: u64 = 10;

pub(crate) enum Subject {
    Problems(Vec<Problem>),
    Images(Box<Trained>, Range<u64>),
}

/// What makes one table: the gradients of its problems stand beside each other, as those of the images of a batch do.
#[derive(Clone, Copy)]
pub(crate) enum Group<'a> {
    One(&'a Problem),
    Images(&'a Trained, &'a Range<u64>),
}

impl Subject {
    /// Everything that is known before a gradient is computed.
    pub(crate) fn read(args: &GradientsArgs) -> Result<Self, Failure> {
        if let Some(path) = &args.model {
            let given = args.images.as_deref().map(|text| range("images", text));
            let given = given.transpose().map_err(Failure::usage)?;
            let model = Trained::read(path, args.data.as_deref()).map_err(Failure::error)?;
            let all = model.images() as u64;
            let images = given.unwrap_or(0..all.min(IMAGES));
            if images.end > all {
                let Range { start, end } = images;
                return Err(Failure::usage(format!("images = '{start}..{end}': there are {all} to test on")));
            }
            let states = count_table(model.latents(), model.categories());
            states.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
            return Ok(Subject::Images(Box::new(model), images));
        }
        Ok(Subject::Problems(match &args.file {
            Some(path) => Problem::read(path, args.case.as_deref()).map_err(Failure::error)?,
            None => {
                let problem = Problem::builtin(args.problem, args.latents, args.categories, args.degree, args.seed);
                vec![problem.map_err(Failure::usage)?]
            }
        }))
    }

    /// One for each table.
    pub(crate) fn groups(&self) -> Vec<Group<'_>> {
        match self {
            Subject::Problems(problems) => problems.iter().map(Group::One).collect(),
            Subject::Images(model, images) => vec![Group::Images(model, images)],
        }
    }
}

impl<'a> Group<'a> {
    pub(crate) fn name(self) -> String {
        match self {
            Group::One(problem) => problem.name.clone(),
            Group::Images(model, Range { start, end }) => format!("{}, test images {start}..{end}", model.name),
        }
    }

    /// Categories of each variable.
    pub(crate) fn categories(self) -> usize {
        match self {
            Group::One(problem) => problem.k,
            Group::Images(model, _) => model.categories(),
        }
    }

    /// How many images, where it is of some.
    pub(crate) fn images(self) -> Option<u64> {
        match self {
            Group::One(_) => None,
            Group::Images(_, images) => Some(images.end - images.start),
        }
    }

    /// The numbers of its problems, for `problem`.
    pub(crate) fn numbers(self) -> Range<u64> {
        match self {
            Group::One(_) => 0..1,
            Group::Images(_, images) => images.clone(),
        }
    }

    /// The problem of this number. A model's are computed when they are asked for: each has k^L losses.
    pub(crate) fn problem(self, host: Host, number: u64) -> Result<Cow<'a, Problem>, String> {
        match self {
            Group::One(problem) => Ok(Cow::Borrowed(problem)),
            Group::Images(model, _) => image(host, model, number).map(Cow::Owned),
        }
    }
}

/// What a model loses by reconstructing an image, at every state of its code. The divergence, the other part of the
/// loss, is no function of the draw: its gradient has neither bias nor variance.
fn image(host: Host, model: &Trained, number: u64) -> Result<Problem, String> {
    let name = format!("{}, test image {number}", model.name);
    let named = |error: reinmax::Error| format!("{name}: {error}");
    let shape = (model.latents(), model.categories());
    let logits = model.logits(host, number as usize).map_err(named)?;
    Problem::tabulated(name.clone(), shape, logits, |states| model.losses(host, number as usize, states).map_err(named))
}
