//! Places for connections: so many of one user, so many of all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections of one user: a worker has one or two.
const OF_A_USER_MAX: usize = 256;

/// Connections of all users; four users that take all of theirs leave nothing to others, and one does not.
const OF_ALL_MAX: usize = 1_024;

/// Connections that are open, by user.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd(Arc<Mutex<BTreeMap<u32, usize>>>);

/// A place; dropping it frees it.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    uid: u32,
}

impl Crowd {
    /// A place for a connection of this user, if there is one.
    pub(super) fn enter(&self, uid: u32) -> Option<Place> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.get(&uid).copied().unwrap_or_default();
        if all >= OF_ALL_MAX || own >= OF_A_USER_MAX {
            return None;
        }
        open.insert(uid, own + 1);
        Some(Place { crowd: self.clone(), uid })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.uid) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => drop(open.remove(&self.uid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_does_not_take_the_places_of_others() {
        let crowd = Crowd::default();
        let mut of_one: Vec<Place> = std::iter::from_fn(|| crowd.enter(1)).collect();
        assert_eq!(of_one.len(), OF_A_USER_MAX);
        let other = crowd.enter(2);
        assert!(other.is_some());
        of_one.pop();
        assert!(crowd.enter(1).is_some(), "and it was free again");
        drop((of_one, other));
        assert!(crowd.0.lock().unwrap().is_empty());
        let all: Vec<Place> = (0..10)
            .flat_map(|uid| {
                std::iter::from_fn({
                    let crowd = crowd.clone();
                    move || crowd.enter(uid)
                })
            })
            .collect();
        assert_eq!(all.len(), OF_ALL_MAX);
    }
}
