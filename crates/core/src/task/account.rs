//! A task's account: what it has used, what is held for effects under way, and what it owes (semantics §6.1).
//!
//! **Invariant:** the worst case of an effect is held before it is sent, so what is used and held together never passes the
//! budget; only a provider that takes more than was held makes a debt, and the debt stops the next effect.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Budget;
use crate::ids::EffectId;

/// An amount of what a budget counts. Seconds are not an amount: they end with the task's deadline, whoever waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tool calls.
    pub calls: u64,
    /// Model tokens.
    pub tokens: u64,
}

impl Usage {
    /// The worst case of a tool call: one call, and no token.
    pub const ONE_CALL: Self = Self { calls: 1, tokens: 0 };

    const fn plus(self, other: Self) -> Self {
        Self { calls: self.calls.saturating_add(other.calls), tokens: self.tokens.saturating_add(other.tokens) }
    }

    /// What is left of it after `other`; nothing where that is more.
    const fn minus(self, other: Self) -> Self {
        Self { calls: self.calls.saturating_sub(other.calls), tokens: self.tokens.saturating_sub(other.tokens) }
    }

    const fn is_within(self, budget: &Budget) -> bool {
        self.calls <= budget.calls && self.tokens <= budget.tokens
    }

    const fn is_nothing(self) -> bool {
        self.calls == 0 && self.tokens == 0
    }

    fn smaller(self, other: Self) -> Self {
        Self { calls: self.calls.min(other.calls), tokens: self.tokens.min(other.tokens) }
    }
}

/// The account of one task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What was charged.
    used: Usage,
    /// The worst case of each effect that is under way or waits to be.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    holds: BTreeMap<EffectId, Usage>,
    /// What effects took beyond their holds and the budget could not pay.
    #[serde(default, skip_serializing_if = "is_nothing")]
    debt: Usage,
}

const fn is_nothing(usage: &Usage) -> bool {
    usage.is_nothing()
}

impl Account {
    /// What is used or spoken for: charged, held and owed.
    #[must_use]
    pub fn taken(&self) -> Usage {
        self.holds.values().fold(self.used.plus(self.debt), |sum, hold| sum.plus(*hold))
    }

    /// What was charged.
    #[must_use]
    pub const fn used(&self) -> Usage {
        self.used
    }

    /// What is owed.
    #[must_use]
    pub const fn debt(&self) -> Usage {
        self.debt
    }

    /// Whether `budget` has room for an effect of this worst case, after what is owed.
    #[must_use]
    pub fn affords(&self, worst: Usage, budget: &Budget) -> bool {
        self.taken().plus(worst).is_within(budget)
    }

    /// Holds the worst case of an effect; a hold that is there already stays as it is.
    ///
    /// Ask [`Account::affords`] first: this records what was decided.
    pub fn reserve(&mut self, effect: EffectId, worst: Usage) {
        self.used = self.used.plus(std::mem::take(&mut self.debt));
        self.holds.entry(effect).or_insert(worst);
    }

    /// Gives an effect's hold back: nothing of it was sent.
    pub fn release(&mut self, effect: EffectId) {
        self.holds.remove(&effect);
    }

    /// Charges what an effect took and gives the rest of its hold back; what it took beyond the hold is owed.
    pub fn charge(&mut self, effect: EffectId, spent: Usage) {
        let hold = self.holds.remove(&effect).unwrap_or_default();
        self.used = self.used.plus(spent.smaller(hold));
        self.debt = self.debt.plus(spent.minus(hold));
    }

    /// Charges the whole hold of an effect whose reply is lost; answers what that was.
    pub fn forfeit(&mut self, effect: EffectId) -> Usage {
        let hold = self.holds.remove(&effect).unwrap_or_default();
        self.used = self.used.plus(hold);
        hold
    }

    /// Takes a forfeited hold back: somebody found that nothing was spent, and the effect may be sent again.
    pub fn restore(&mut self, effect: EffectId, forfeited: Usage) {
        self.used = self.used.minus(forfeited);
        self.holds.insert(effect, forfeited);
    }

    /// Gives every hold back: the task has ended and nothing is under way.
    pub fn close(&mut self) {
        self.holds.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUDGET: Budget = Budget { calls: 5, tokens: 100, seconds: 60 };

    fn effect(number: u128) -> EffectId {
        EffectId::from_u128(number)
    }

    const fn tokens(tokens: u64) -> Usage {
        Usage { calls: 0, tokens }
    }

    #[test]
    fn sem_6_1_the_worst_case_is_held_and_the_rest_given_back() {
        let mut account = Account::default();
        assert!(account.affords(tokens(100), &BUDGET) && !account.affords(tokens(101), &BUDGET));
        account.reserve(effect(1), tokens(60));
        assert_eq!((account.taken(), account.used()), (tokens(60), tokens(0)));
        assert!(account.affords(tokens(40), &BUDGET) && !account.affords(tokens(41), &BUDGET));
        account.charge(effect(1), tokens(25));
        assert_eq!((account.taken(), account.used()), (tokens(25), tokens(25)));
        account.reserve(effect(2), tokens(75));
        account.release(effect(2));
        assert_eq!(account.taken(), tokens(25));
    }

    #[test]
    fn sem_6_1_a_lost_reply_charges_the_whole_hold() {
        let mut account = Account::default();
        account.reserve(effect(1), tokens(60));
        assert_eq!(account.forfeit(effect(1)), tokens(60));
        assert_eq!((account.used(), account.taken()), (tokens(60), tokens(60)));
        account.restore(effect(1), tokens(60));
        assert_eq!((account.used(), account.taken()), (tokens(0), tokens(60)));
    }

    #[test]
    fn sem_6_1_an_overrun_is_debt_and_stops_what_the_budget_cannot_pay() {
        let mut account = Account::default();
        account.reserve(effect(1), tokens(60));
        account.charge(effect(1), tokens(90));
        assert_eq!((account.used(), account.debt(), account.taken()), (tokens(60), tokens(30), tokens(90)));
        assert!(account.affords(tokens(10), &BUDGET) && !account.affords(tokens(11), &BUDGET));
        account.reserve(effect(2), tokens(10));
        assert_eq!((account.used(), account.debt()), (tokens(90), tokens(0)), "paid before the next effect");
        account.charge(effect(2), tokens(50));
        assert_eq!(account.debt(), tokens(40));
        assert!(!account.affords(tokens(0), &BUDGET), "what is owed beyond the budget stops even what costs nothing");
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Reserve(u8, u64),
        Release(u8),
        Charge(u8, u64),
        Forfeit(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..6_u8, 0..60_u64).prop_map(|(e, n)| Step::Reserve(e, n)),
            (0..6_u8).prop_map(Step::Release),
            (0..6_u8, 0..60_u64).prop_map(|(e, n)| Step::Charge(e, n)),
            (0..6_u8).prop_map(Step::Forfeit),
        ]
    }

    proptest! {
        /// Without overruns the budget is never passed, and only a reply gives anything back.
        #[test]
        fn sem_6_1_no_order_of_replies_passes_the_budget(steps in prop::collection::vec(step(), 1..80)) {
            let mut account = Account::default();
            for step in steps {
                let before = account.clone();
                match step {
                    Step::Reserve(e, n) => {
                        let known = account.holds.contains_key(&effect(e.into()));
                        if known || account.affords(tokens(n), &BUDGET) {
                            account.reserve(effect(e.into()), tokens(n));
                        }
                    }
                    Step::Release(e) => account.release(effect(e.into())),
                    Step::Charge(e, n) => {
                        let hold = account.holds.get(&effect(e.into())).copied().unwrap_or_default();
                        account.charge(effect(e.into()), tokens(n.min(hold.tokens)));
                    }
                    Step::Forfeit(e) => {
                        account.forfeit(effect(e.into()));
                    }
                }
                prop_assert!(account.taken().is_within(&BUDGET));
                prop_assert!(account.used().tokens >= before.used().tokens);
                prop_assert_eq!(account.debt(), Usage::default());
            }
        }
    }
}
