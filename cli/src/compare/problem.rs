//! The losses of the laboratory, of L variables with k categories each: polynomials in their one-hot vectors, built in
//! or from a file, or a number for each state.

use std::path::Path;

use clap::ValueEnum;
use reinmax::Stream;
use serde::Deserialize;
use serde_json::Value;

/// The most states that are enumerated.
pub(crate) const MAX_STATES: usize = 1 << 20;

/// Losses of so few numbers (states times L times k) are computed once and looked up.
const TABLE: usize = 1 << 22;
/// The losses of a model's code are looked up in any case: a quarter of a GiB.
const MAX_TABLE: usize = 1 << 26;

/// The constant of the paper's toy polynomial.
const TARGET: f64 = 0.45;

/// The problems that are built in. Coefficients and logits come from the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Builtin {
    /// A weight for each category of each variable
    Linear,
    /// Squares of three linear forms
    Quadratic,
    /// Third powers of three linear forms
    Cubic,
    /// Fourth powers of three linear forms
    Quartic,
    /// Products of components of --degree different variables (default 2): every variable has degree 1
    Multilinear,
    /// The paper's: mean of |X - 0.45|^p, p given by --degree (default 2), X the first component of each variable
    Toy,
}

/// What is minimised: `sum coef * product z[v, c]^e + sum coef * (bias + <weights, z>)^power`, and absolute values
/// in place of the brackets in `abs_powers`.
#[derive(Clone, Debug, Default, Deserialize)]
struct Function {
    #[serde(default)]
    monomials: Vec<Monomial>,
    #[serde(default)]
    affine_powers: Vec<AffinePower>,
    #[serde(skip)]
    abs_powers: Vec<AffinePower>,
}

/// A product of powers of components (variable, category, exponent).
#[derive(Clone, Debug, Deserialize)]
struct Monomial {
    coef: f64,
    vars: Vec<(usize, usize, i32)>,
}

#[derive(Clone, Debug, Deserialize)]
struct AffinePower {
    coef: f64,
    power: f64,
    bias: f64,
    /// L x k.
    weights: Vec<f64>,
}

/// A case of a file; fields besides these are somebody else's.
#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    variables: usize,
    k: usize,
    f: Function,
    logits: Vec<f32>,
}

/// A loss and the logits at which its gradient is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) name: String,
    pub(crate) variables: usize,
    pub(crate) k: usize,
    /// L x k.
    pub(crate) logits: Vec<f32>,
    /// k^L.
    pub(crate) states: usize,
    loss: Loss,
}

#[derive(Clone, Debug)]
enum Loss {
    Function(Function),
    /// Loss and upstream gradient (L x k) of every state.
    Table(Vec<f64>, Vec<f32>),
}

impl Problem {
    /// One of the problems that are built in.
    pub(crate) fn builtin(
        which: Builtin,
        variables: usize,
        k: usize,
        degree: Option<f64>,
        seed: u64,
    ) -> Result<Self, String> {
        if variables == 0 || k < 2 {
            return Err(format!("latents = {variables}, categories = {k}: give at least 1 and 2"));
        }
        // Before anything of that size is made.
        count_states(variables, k)?;
        let dim = variables * k;
        let name = format!("{} L={variables} k={k} seed={seed}", which.spelled());
        let logits: Vec<f32> = symmetric(seed, 0, dim).iter().map(|x| *x as f32).collect();
        let f = match (which, degree) {
            (Builtin::Multilinear, degree) => {
                let degree = degree.unwrap_or(2.0);
                if degree.fract() != 0.0 || !(1.0..=variables as f64).contains(&degree) {
                    return Err(format!("degree = {degree}: a product takes 1 to {variables} (latents) variables"));
                }
                multilinear(variables, k, degree as usize, seed)
            }
            (Builtin::Toy, degree) => toy(variables, k, degree.unwrap_or(2.0))?,
            (_, Some(degree)) => {
                return Err(format!(
                    "degree = {degree}: the degree of {} is fixed; multilinear and toy take one",
                    name
                ));
            }
            (Builtin::Linear, _) => affine_powers(1, dim, 1.0, seed),
            (Builtin::Quadratic, _) => affine_powers(3, dim, 2.0, seed),
            (Builtin::Cubic, _) => affine_powers(3, dim, 3.0, seed),
            (Builtin::Quartic, _) => affine_powers(3, dim, 4.0, seed),
        };
        Problem::new(name, variables, k, logits, f)
    }

    /// The cases of a file; one of them where `id` is given.
    pub(crate) fn read(path: &Path, id: Option<&str>) -> Result<Vec<Self>, String> {
        #[derive(Deserialize)]
        struct Cases {
            cases: Vec<Value>,
        }
        let name = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
        let Cases { cases } = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
        let mut problems = Vec::new();
        for (at, case) in cases.into_iter().enumerate() {
            let called =
                case.get("id").and_then(Value::as_str).map_or(format!("case {at}"), |id| format!("case '{id}'"));
            if id.is_some_and(|id| case.get("id").and_then(Value::as_str) != Some(id)) {
                continue;
            }
            let problem = Case::deserialize(case)
                .map_err(|error| error.to_string())
                .and_then(|case| Problem::new(case.id, case.variables, case.k, case.logits, case.f));
            problems.push(problem.map_err(|error| format!("{name}: {called}: {error}"))?);
        }
        match (problems.is_empty(), id) {
            (true, Some(id)) => Err(format!("{name}: no case '{id}'")),
            (true, None) => Err(format!("{name}: no cases")),
            _ => Ok(problems),
        }
    }

    fn new(name: String, variables: usize, k: usize, logits: Vec<f32>, f: Function) -> Result<Self, String> {
        let states = count_states(variables, k)?;
        let dim = variables * k;
        if dim == 0 || logits.len() != dim {
            return Err(format!("{} logits where variables * k = {dim} are needed", logits.len()));
        }
        if let Some(at) = logits.iter().position(|x| !x.is_finite()) {
            return Err(format!("logits[{at}] is not a finite f32"));
        }
        let outside = |(v, c, e): &(usize, usize, i32)| *v >= variables || *c >= k || *e < 0;
        if let Some(var) = f.monomials.iter().flat_map(|monomial| &monomial.vars).find(|var| outside(var)) {
            return Err(format!("monomial of {var:?}: give variable < {variables}, category < {k}, exponent >= 0"));
        }
        if let Some(power) = f.affine_powers.iter().find(|power| power.weights.len() != dim) {
            return Err(format!("affine power with {} weights where {dim} are needed", power.weights.len()));
        }
        // A bracket may be negative.
        if let Some(AffinePower { power, .. }) =
            f.affine_powers.iter().find(|term| term.power.fract() != 0.0 || term.power < 0.0)
        {
            return Err(format!("affine power {power}: the exponent must be a whole number, at least 0"));
        }
        let mut problem = Problem { name, variables, k, logits, states, loss: Loss::Function(f) };
        if states * dim <= TABLE {
            let (mut losses, mut upstreams) = (vec![0.0; states], vec![0.0; states * dim]);
            let mut state = vec![0; variables];
            for (at, (loss, upstream)) in losses.iter_mut().zip(upstreams.chunks_mut(dim)).enumerate() {
                problem.state(at, &mut state);
                *loss = problem.loss(&state, upstream);
            }
            problem.loss = Loss::Table(losses, upstreams);
        }
        Ok(problem)
    }

    /// One whose loss `evaluate` knows at given states (L numbers each), and its gradient there (states x L x k).
    pub(crate) fn tabulated(
        name: String,
        (variables, k): (usize, usize),
        logits: Vec<f32>,
        evaluate: impl FnOnce(&[u32]) -> Result<(Vec<f64>, Vec<f32>), String>,
    ) -> Result<Self, String> {
        let states = count_table(variables, k)?;
        let mut all = vec![0; states * variables];
        for (at, state) in all.chunks_mut(variables).enumerate() {
            write_state(at, k, state);
        }
        let (losses, upstreams) = evaluate(&all)?;
        Ok(Problem { name, variables, k, logits, states, loss: Loss::Table(losses, upstreams) })
    }

    /// L * k.
    pub(crate) fn dim(&self) -> usize {
        self.variables * self.k
    }

    /// State number `at`, the last variable fastest.
    pub(crate) fn state(&self, at: usize, state: &mut [u32]) {
        write_state(at, self.k, state);
    }

    /// The loss of a state; its gradient with respect to the one-hot vectors (L x k) in `upstream`.
    pub(crate) fn loss(&self, state: &[u32], upstream: &mut [f32]) -> f64 {
        match &self.loss {
            Loss::Table(losses, upstreams) => {
                let at = state.iter().fold(0, |at, z| at * self.k + *z as usize);
                upstream.copy_from_slice(&upstreams[at * self.dim()..(at + 1) * self.dim()]);
                losses[at]
            }
            Loss::Function(f) => {
                let mut gradient = vec![0.0; self.dim()];
                let loss = f.evaluate(self.k, state, &mut gradient);
                for (upstream, g) in upstream.iter_mut().zip(gradient) {
                    *upstream = g as f32;
                }
                loss
            }
        }
    }

    /// softmax of the logits in double precision.
    pub(crate) fn probs(&self) -> Vec<f64> {
        let mut probs: Vec<f64> = self.logits.iter().map(|x| f64::from(*x)).collect();
        for row in probs.chunks_mut(self.k) {
            let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter_mut().for_each(|x| *x = (*x - max).exp());
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|x| *x /= sum);
        }
        probs
    }
}

impl Builtin {
    fn spelled(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Function {
    /// The value at a state; the gradient is added to `gradient`.
    fn evaluate(&self, k: usize, state: &[u32], gradient: &mut [f64]) -> f64 {
        let mut value = 0.0;
        let z = |v: usize, c: usize| if state[v] as usize == c { 1.0 } else { 0.0 };
        for Monomial { coef, vars } in &self.monomials {
            let product = |skip: usize| -> f64 {
                let others = vars.iter().enumerate().filter(|(at, _)| *at != skip);
                others.map(|(_, (v, c, e))| f64::powi(z(*v, *c), *e)).product()
            };
            value += coef * product(vars.len());
            for (at, (v, c, e)) in vars.iter().enumerate().filter(|(_, (.., e))| *e > 0) {
                gradient[v * k + c] += coef * f64::from(*e) * f64::powi(z(*v, *c), e - 1) * product(at);
            }
        }
        let signed = self.affine_powers.iter().map(|term| (term, false));
        for (AffinePower { coef, power, bias, weights }, absolute) in
            signed.chain(self.abs_powers.iter().map(|term| (term, true)))
        {
            let form = bias + state.iter().enumerate().map(|(v, c)| weights[v * k + *c as usize]).sum::<f64>();
            let (base, sign) = if absolute { (form.abs(), form.signum()) } else { (form, 1.0) };
            value += coef * base.powf(*power);
            // 0 has no derivative where the exponent is 0.
            let slope = if *power == 0.0 { 0.0 } else { coef * power * base.powf(power - 1.0) * sign };
            for (g, w) in gradient.iter_mut().zip(weights) {
                *g += slope * w;
            }
        }
        value
    }
}

/// State number `at`: its digits to the base k, the last variable fastest.
fn write_state(mut at: usize, k: usize, state: &mut [u32]) {
    for z in state.iter_mut().rev() {
        *z = (at % k) as u32;
        at /= k;
    }
}

/// The same, if the gradients of that many can be kept as well.
pub(crate) fn count_table(variables: usize, k: usize) -> Result<usize, String> {
    let states = count_states(variables, k)?;
    let numbers = states.checked_mul(variables * k).filter(|numbers| *numbers <= MAX_TABLE);
    numbers.map(|_| states).ok_or_else(|| {
        format!(
            "{k}^{variables} states with gradients of {variables} x {k}: at most {MAX_TABLE} (2^26) numbers are kept"
        )
    })
}

/// k^L, if that many can be enumerated.
fn count_states(variables: usize, k: usize) -> Result<usize, String> {
    let states = u32::try_from(variables).ok().and_then(|variables| k.checked_pow(variables));
    states.filter(|states| *states <= MAX_STATES).ok_or_else(|| {
        format!("{k}^{variables} states: at most {MAX_STATES} (2^20) are enumerated; give fewer latents or categories")
    })
}

/// Numbers in (-1, 1).
fn symmetric(seed: u64, stream: u64, len: usize) -> Vec<f64> {
    let mut uniforms = vec![0.0; len];
    Stream::new(seed, stream).fill_uniforms(0, &mut uniforms);
    uniforms.iter().map(|u| 2.0 * f64::from(*u) - 1.0).collect()
}

/// Powers of linear forms with random weights.
fn affine_powers(terms: usize, dim: usize, power: f64, seed: u64) -> Function {
    let term = |at: usize| {
        let mut weights = symmetric(seed, 1 + at as u64, dim + 1);
        let bias = weights.pop().unwrap_or(0.0);
        AffinePower { coef: 1.0, power, bias, weights }
    };
    Function { affine_powers: (0..terms).map(term).collect(), ..Function::default() }
}

/// Every set of `degree` neighbours (cyclic) with four random choices of categories and coefficients.
fn multilinear(variables: usize, k: usize, degree: usize, seed: u64) -> Function {
    let each = degree + 1;
    let numbers = symmetric(seed, 1, variables * 4 * each);
    let monomial = |(at, numbers): (usize, &[f64])| {
        let factor = |j: usize| {
            let category = ((numbers[j] + 1.0) / 2.0 * k as f64) as usize;
            ((at / 4 + j) % variables, category.min(k - 1), 1)
        };
        Monomial { coef: numbers[degree], vars: (0..degree).map(factor).collect() }
    };
    Function { monomials: numbers.chunks(each).enumerate().map(monomial).collect(), ..Function::default() }
}

/// mean over l of |z[l, 0] - 0.45|^p.
fn toy(variables: usize, k: usize, power: f64) -> Result<Function, String> {
    if !(power > 0.0 && power.is_finite()) {
        return Err(format!("degree = {power}: the exponent must be positive and finite"));
    }
    let term = |v: usize| {
        let mut weights = vec![0.0; variables * k];
        weights[v * k] = 1.0;
        AffinePower { coef: 1.0 / variables as f64, power, bias: -TARGET, weights }
    };
    Ok(Function { abs_powers: (0..variables).map(term).collect(), ..Function::default() })
}
