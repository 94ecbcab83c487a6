//! Order within a class, and sets of seqs: decisions that need no server.

use std::collections::HashSet;

/// first … last, both ends included.
pub type Range = (i64, i64);

#[derive(Debug, PartialEq)]
pub enum Decision {
    /// From `next` on.
    Store,
    /// All of it is stored: report it.
    Repeat,
    /// Something before it is missing: ask for it.
    Gap,
}

pub fn decide(first: i64, last: i64, next: i64) -> Decision {
    if first > next {
        Decision::Gap
    } else if last < next {
        Decision::Repeat
    } else {
        Decision::Store
    }
}

/// Reads PostgreSQL's text of an int8multirange: {[1,3),[7,8)}.
pub fn parse_multirange(text: &str) -> Option<Vec<Range>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    if inner.is_empty() {
        return Some(Vec::new());
    }
    let ranges = inner.strip_prefix('[')?.strip_suffix(')')?;
    ranges
        .split("),[")
        .map(|one| {
            let (first, end) = one.split_once(',')?;
            Some((first.parse().ok()?, end.parse::<i64>().ok()? - 1))
        })
        .collect()
}

/// The last seq of the range that holds this one, or the seq before it.
pub fn end_of(ranges: &[Range], seq: i64) -> i64 {
    let found = ranges.iter().find(|(first, last)| (*first..=*last).contains(&seq));
    found.map_or(seq - 1, |(_, last)| *last)
}

/// Where a class goes on: behind what was reported and is still there, with what need not be there
/// (conflicts, and who was left out). And whether MongoDB has less than was reported.
pub fn next_of(reported: i64, mut highest: i64, failed: &[Range]) -> (i64, bool) {
    while end_of(failed, highest + 1) > highest {
        highest = end_of(failed, highest + 1);
    }
    (reported.min(highest) + 1, highest < reported)
}

/// A range in pieces: cut where being among `apart` changes.
pub fn runs((first, last): Range, apart: &HashSet<i64>) -> Vec<(Range, bool)> {
    let mut pieces: Vec<(Range, bool)> = Vec::new();
    for seq in first..=last {
        let is_apart = apart.contains(&seq);
        match pieces.last_mut() {
            Some((piece, same)) if *same == is_apart => piece.1 = seq,
            _ => pieces.push(((seq, seq), is_apart)),
        }
    }
    pieces
}

/// The first seq up to `total` that is neither there nor in a range.
pub fn first_missing(total: i64, there: &HashSet<i64>, failed: &[Range]) -> Option<i64> {
    let mut seq = 1;
    while seq <= total {
        if there.contains(&seq) {
            seq += 1;
        } else if end_of(failed, seq) >= seq {
            seq = end_of(failed, seq) + 1;
        } else {
            return Some(seq);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_of_the_order_is_decided() {
        assert_eq!(decide(1, 5, 1), Decision::Store);
        assert_eq!(decide(1, 5, 5), Decision::Store);
        assert_eq!(decide(1, 5, 6), Decision::Repeat);
        assert_eq!(decide(2, 5, 1), Decision::Gap);
    }

    #[test]
    fn next_goes_on_behind_what_need_not_be_there() {
        let failed = [(1, 2), (6, 9)];
        for (reported, highest, expected) in [
            (0, 0, (1, false)),
            (2, 0, (3, false)),
            (9, 5, (10, false)),
            (9, 4, (5, true)),
            (3, 9, (4, false)),
        ] {
            assert_eq!(next_of(reported, highest, &failed), expected);
        }
    }

    #[test]
    fn multiranges_are_read() {
        assert_eq!(parse_multirange("{}"), Some(vec![]));
        assert_eq!(parse_multirange("{[1,2)}"), Some(vec![(1, 1)]));
        assert_eq!(parse_multirange("{[1,3),[7,1099511627776)}"), Some(vec![(1, 2), (7, 1099511627775)]));
        assert_eq!(parse_multirange("{[1,x)}"), None);
    }

    #[test]
    fn runs_and_the_first_missing_one() {
        let apart = HashSet::from([4, 5, 8]);
        assert_eq!(runs((3, 8), &apart), [((3, 3), false), ((4, 5), true), ((6, 7), false), ((8, 8), true)]);
        assert_eq!(first_missing(4, &HashSet::from([1, 2, 3, 4]), &[]), None);
        assert_eq!(first_missing(4, &HashSet::from([1, 2, 4]), &[]), Some(3));
        assert_eq!(first_missing(4, &HashSet::from([1, 4]), &[(2, 3)]), None);
        assert_eq!(first_missing(4, &HashSet::new(), &[(1, 3)]), Some(4));
    }
}
