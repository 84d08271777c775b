//! Places: so many of one user, so many of all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Places that are taken, by user.
#[derive(Debug, Clone)]
pub(super) struct Crowd {
    of_a_user_max: usize,
    of_all_max: usize,
    taken: Arc<Mutex<BTreeMap<u32, usize>>>,
}

/// A place; dropping it frees it.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    uid: u32,
}

impl Crowd {
    /// So many places of one user, and so many of all.
    pub(super) fn new(of_a_user_max: usize, of_all_max: usize) -> Self {
        Self { of_a_user_max, of_all_max, taken: Arc::default() }
    }

    /// A place of this user, if there is one.
    pub(super) fn enter(&self, uid: u32) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let own = taken.get(&uid).copied().unwrap_or_default();
        if all >= self.of_all_max || own >= self.of_a_user_max {
            return None;
        }
        taken.insert(uid, own + 1);
        Some(Place { crowd: self.clone(), uid })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.crowd.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.uid) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => drop(taken.remove(&self.uid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_does_not_take_the_places_of_others() {
        let crowd = Crowd::new(5, 12);
        let mut of_one: Vec<Place> = std::iter::from_fn(|| crowd.enter(1)).collect();
        assert_eq!(of_one.len(), 5);
        let other = crowd.enter(2);
        assert!(other.is_some());
        of_one.pop();
        assert!(crowd.enter(1).is_some(), "and it was free again");
        drop((of_one, other));
        assert!(crowd.taken.lock().unwrap().is_empty());
        let all = (0..10).flat_map(|uid| std::iter::from_fn(move || Some(uid)).take(5)).filter_map(|uid| crowd.enter(uid));
        assert_eq!(all.collect::<Vec<Place>>().len(), 12);
    }
}
