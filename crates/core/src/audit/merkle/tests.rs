use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};

use super::*;

/// Leaves and roots of the Certificate Transparency reference tree.
const CT_TREE: &[(&str, &str)] = &[
    ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    ("606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn leaves(count: usize) -> Vec<Digest> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// The definition, word for word.
fn naive(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of_bytes(b""),
        [one] => *one,
        more => {
            let mut k = 1;
            while k * 2 < more.len() {
                k *= 2;
            }
            node_hash(&naive(&more[..k]), &naive(&more[k..]))
        }
    }
}

fn flipped(digest: Digest, bit: usize) -> Digest {
    let mut bytes = *digest.as_bytes();
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    Digest::from_bytes(bytes)
}

#[test]
fn the_reference_tree() {
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (leaf, root) in CT_TREE {
        frontier.push(leaf_hash(&hex(leaf)));
        assert_eq!(frontier.root().to_string(), *root);
    }
}

#[test]
fn the_frontier_is_the_definition_at_every_size() {
    let all = leaves(200);
    let mut frontier = Frontier::new();
    for size in 0..=all.len() {
        assert_eq!(frontier.size(), size as u64);
        assert_eq!(frontier.root(), naive(&all[..size]), "size {size}");
        assert_eq!(Frontier::from_bytes(size as u64, &frontier.to_bytes()).unwrap(), frontier);
        if let Some(leaf) = all.get(size) {
            frontier.push(*leaf);
        }
    }
}

#[test]
fn a_frontier_of_another_size_is_refused() {
    let mut frontier = Frontier::new();
    for leaf in leaves(7) {
        frontier.push(leaf);
    }
    let bytes = frontier.to_bytes();
    for (size, bytes) in [(0, &bytes[..]), (8, &bytes[..]), (7, &bytes[1..]), (7, &bytes[32..]), (7, &[])] {
        assert!(Frontier::from_bytes(size, bytes).is_err(), "size {size}, {} bytes", bytes.len());
    }
}

#[test]
fn every_proof_of_small_trees_verifies_and_no_other_place_does() {
    let all = leaves(34);
    for size in 1..=all.len() {
        let tree = &all[..size];
        let root = naive(tree);
        for index in 0..size {
            let proof = inclusion_proof(tree, index).unwrap();
            let check = |index: usize, proof: &[Digest]| verify_inclusion(&tree[index], index as u64, size as u64, proof, &root);
            assert_eq!(check(index, &proof), Ok(()), "{index} of {size}");
            assert!(check((index + 1) % size, &proof).is_err() || size == 1);
            assert!(check(index, &[&proof[..], &[root]].concat()).is_err());
            assert!(proof.is_empty() || check(index, &proof[1..]).is_err());
        }
        for old in 0..=size {
            let proof = consistency_proof(tree, old).unwrap();
            let (older, newer) = (Head { size: old as u64, root: naive(&tree[..old]) }, Head { size: size as u64, root });
            assert_eq!(verify_consistency(older, newer, &proof), Ok(()), "{old} of {size}");
            assert!(verify_consistency(older, newer, &[&proof[..], &[root]].concat()).is_err());
            assert!(proof.is_empty() || verify_consistency(older, newer, &proof[1..]).is_err());
        }
    }
}

#[test]
fn places_that_are_not_there() {
    let tree = leaves(3);
    assert_eq!(inclusion_proof(&tree, 3), None);
    assert_eq!(consistency_proof(&tree, 4), None);
    assert_eq!(verify_inclusion(&tree[0], 3, 3, &[], &tree[0]), Err(ProofError::Range));
    assert_eq!(verify_inclusion(&tree[0], 0, 0, &[], &tree[0]), Err(ProofError::Range));
    let head = |size| Head { size, root: root(&tree[..1]) };
    assert_eq!(verify_consistency(head(2), head(1), &[]), Err(ProofError::Range));
    let nothing = Head { size: 0, root: root(&[]) };
    assert_eq!(verify_consistency(nothing, nothing, &[]), Ok(()));
    assert_eq!(verify_consistency(nothing, head(0), &[]), Err(ProofError::Root), "two roots of nothing");
    assert_eq!(verify_consistency(head(0), head(1), &[]), Err(ProofError::Root));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_flipped_bit_is_refused(size in 2_usize..=200, place in any::<usize>(), bit in any::<usize>(), which in any::<usize>()) {
        let tree = leaves(size);
        let root = root(&tree);
        let index = place % size;
        let proof = inclusion_proof(&tree, index).unwrap();
        let check = |leaf: &Digest, proof: &[Digest], root: &Digest| verify_inclusion(leaf, index as u64, size as u64, proof, root);
        let mut bent = proof.clone();
        let at = which % bent.len();
        bent[at] = flipped(bent[at], bit);
        prop_assert!(check(&tree[index], &proof, &root).is_ok());
        prop_assert!(check(&tree[index], &bent, &root).is_err());
        prop_assert!(check(&flipped(tree[index], bit), &proof, &root).is_err());
        prop_assert!(check(&tree[index], &proof, &flipped(root, bit)).is_err());

        let old = 1 + place % (size - 1);
        let proof = consistency_proof(&tree, old).unwrap();
        let older = Head { size: old as u64, root: super::root(&tree[..old]) };
        let newer = Head { size: size as u64, root };
        let mut bent = proof.clone();
        let at = which % bent.len();
        bent[at] = flipped(bent[at], bit);
        prop_assert!(verify_consistency(older, newer, &proof).is_ok());
        prop_assert!(verify_consistency(older, newer, &bent).is_err());
        let (bent_older, bent_newer) = (Head { root: flipped(older.root, bit), ..older }, Head { root: flipped(root, bit), ..newer });
        prop_assert!(verify_consistency(bent_older, newer, &proof).is_err());
        prop_assert!(verify_consistency(older, bent_newer, &proof).is_err());
    }
}
