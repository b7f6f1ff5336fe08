use super::held_out::HeldOut;
use crate::report::{
    curves::{Curves, DIAMOND, OCTAGON, Series, TRIANGLE, Unit},
    palette::{BLUE, GREEN, VERMILION},
};

/// The errors after a pass, as shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PassErrors {
    pub pass: usize,
    pub train: f64,
    pub held_out: f64,
}

/// The share of the test set that the paper's network takes for another digit: section III.B.
const PAPERS_TEST_ERROR: f64 = 0.0095;

/// Errors on the training images and on those that are held out, pass by pass. Beside errors on the test set stands the one that
/// the paper ends with; validation images are others, with which it does not compare.
pub(super) fn curves(passes: &[PassErrors], held_out: HeldOut) -> Curves {
    let line = |name, colour, marker, figure: fn(&PassErrors) -> f64| {
        let points = passes.iter().map(|pass| (pass.pass as f64, figure(pass))).collect();
        Series { name, colour, marker, points }
    };
    let ends: Vec<_> = [passes.first(), passes.last()].into_iter().flatten().collect();
    let points = ends.iter().map(|pass| (pass.pass as f64, PAPERS_TEST_ERROR)).collect();
    let mut series = vec![
        line("train", BLUE, OCTAGON, |pass| pass.train),
        line(held_out.name(), VERMILION, DIAMOND, |pass| pass.held_out),
    ];
    if held_out == HeldOut::Test {
        series.push(Series { name: "paper", colour: GREEN, marker: TRIANGLE, points });
    }
    Curves { name: "Errors", step: "pass", unit: Unit::Errors, series }
}

#[cfg(test)]
mod tests {
    use super::{HeldOut, PassErrors, curves};
    use crate::report::canvas::Picture;

    #[test]
    fn errors_are_named_for_the_images_they_were_made_on() {
        let passes = [(1, 0.02, 0.019), (2, 0.01, 0.012)]
            .map(|(pass, train, held_out)| PassErrors { pass, train, held_out });
        let said = |held_out| curves(&passes, held_out).description();
        assert_eq!(
            said(HeldOut::Test),
            "Errors from pass 1 to 2; train from 2.00 % to 1.00 %; test from 1.90 % to 1.20 %; paper from 0.95 % to 0.95 %"
        );
        assert!(said(HeldOut::Validation).ends_with("; val from 1.90 % to 1.20 %"));
    }
}
