//! Of which campaigns a lane knows that they are not halted, and since when.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// So long an answer holds.
const ANSWER: Duration = Duration::from_millis(250);

/// When each campaign was asked about that was not halted then. One time for several would say of all of them what was
/// asked about one.
#[derive(Default)]
pub struct Asked(HashMap<String, Instant>);

impl Asked {
    /// Which of these campaigns are to be asked about, each of them once.
    pub fn due<'a>(&self, campaigns: impl Iterator<Item = &'a String>, now: Instant) -> Vec<String> {
        let named: HashSet<&String> = campaigns.collect();
        let is_due = |campaign: &&String| self.0.get(*campaign).is_none_or(|at| now - *at >= ANSWER);
        named.into_iter().filter(is_due).cloned().collect()
    }

    /// Takes the answer to what was asked at `at`, and forgets those that no longer hold.
    pub fn answered(&mut self, campaigns: Vec<String>, stopped: &HashMap<String, bool>, at: Instant) {
        self.0.retain(|campaign, before| at - *before < ANSWER && !stopped.contains_key(campaign));
        let others = campaigns.into_iter().filter(|campaign| !stopped.contains_key(campaign));
        self.0.extend(others.map(|campaign| (campaign, at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(asked: &Asked, campaigns: &[&str], now: Instant) -> Vec<String> {
        let campaigns: Vec<String> = campaigns.iter().map(|one| (*one).to_owned()).collect();
        let mut due = asked.due(campaigns.iter(), now);
        due.sort();
        due
    }

    #[test]
    fn an_answer_holds_for_its_own_campaigns_only() {
        let (mut asked, start) = (Asked::default(), Instant::now());
        let all = ["held", "early", "late"];
        assert_eq!(due(&asked, &["late", "early", "held", "early"], start), ["early", "held", "late"]);
        asked.answered(due(&asked, &all, start), &HashMap::new(), start);
        assert!(due(&asked, &all, start + ANSWER / 2).is_empty());
        // A report has waited, and one of them is stored before the other is read back.
        let later = start + 40 * ANSWER;
        asked.answered(due(&asked, &["early"], later), &HashMap::new(), later);
        assert_eq!(due(&asked, &["early", "late"], later + ANSWER / 2), ["late"]);
    }

    #[test]
    fn whoever_is_stopped_is_always_asked_about() {
        let (mut asked, start) = (Asked::default(), Instant::now());
        asked.answered(due(&asked, &["a", "b"], start), &HashMap::from([("a".to_owned(), true)]), start);
        assert_eq!(due(&asked, &["a", "b"], start), ["a"]);
        let later = start + ANSWER;
        asked.answered(due(&asked, &["b"], later), &HashMap::new(), later);
        assert_eq!(asked.0.len(), 1);
    }
}
