//! Running a recorded tape again.

use super::{Mark, Tape};
use crate::op::{Draws, NoiseSource};
use crate::{Backend, Result};

impl<B: Backend> Tape<'_, B> {
    /// Runs every node recorded since `mark` forward again, on what leaves and parameters hold now and on new draws.
    /// Nothing is recorded and nothing allocated, so it cannot return [`crate::Error::Full`]; the result has the bits
    /// of a fresh recording. `draws` serves all sample nodes in their order.
    ///
    /// # Errors
    /// [`crate::Error::Stale`] for a mark that no longer holds, and whatever an operation's forward function returns;
    /// values are unspecified then, what is recorded stays.
    pub fn replay(&mut self, mark: Mark, draws: Draws<'_>) -> Result<()> {
        self.check_mark(&mark)?;
        if self.measuring {
            return Ok(());
        }
        let mut noise = NoiseSource::new(draws, self.stream, self.cursor);
        for node in mark.at.nodes..self.at.nodes {
            self.forward(super::offset(node)?, &mut noise)?;
        }
        noise.finish()?;
        self.cursor = noise.cursor;
        Ok(())
    }
}
