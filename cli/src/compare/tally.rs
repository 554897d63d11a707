//! What remains of an estimator's moments on one problem, once they are measured.

use super::measure::Measured;

#[derive(Debug)]
pub(crate) struct Tally {
    /// Mean - exact gradient, L x k.
    pub(crate) bias: Vec<f64>,
    /// Expected squared distance from the mean.
    pub(crate) variance: f64,
    /// Of a gradient with the exact one, in the mean.
    pub(crate) cosine: f64,
    /// Over all states, or over draws.
    pub(crate) enumerated: bool,
    /// Of the mean of the draws against the enumerated one, and its degrees of freedom.
    pub(crate) chi_squared: Option<(f64, usize)>,
    pub(crate) microseconds: f64,
}

impl Tally {
    pub(crate) fn of(measured: &Measured) -> Result<Self, String> {
        let Measured { enumerated, drawn, microseconds } = measured;
        let moments = enumerated.as_ref().or(drawn.as_ref()).ok_or("nothing was measured")?;
        let bias = moments.bias();
        if !bias.iter().all(|g| g.is_finite()) {
            return Err("its gradient is not finite".to_owned());
        }
        let chi_squared = match (enumerated, drawn) {
            (Some(_), Some(drawn)) => drawn.chi_squared(&bias),
            _ => None,
        };
        Ok(Tally {
            variance: moments.variance(enumerated.is_none()),
            cosine: moments.mean_cosine(),
            enumerated: enumerated.is_some(),
            chi_squared,
            microseconds: *microseconds,
            bias,
        })
    }
}
