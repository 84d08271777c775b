use super::*;

/// The key and note of the documentation of Go's `sumdb/note`, where the format comes from.
const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const GO_LINE: &str =
    "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn pair() -> Pair {
    Pair::generate(Algorithm::Ed25519).unwrap()
}

fn verifier(name: &str, key: &Pair) -> Verifier {
    Verifier::new(name, key.public().clone()).unwrap()
}

#[test]
fn go_vector() {
    let key: Verifier = GO_KEY.parse().unwrap();
    assert_eq!(key.name(), "PeterNeumann");
    assert_eq!(key.to_string(), GO_KEY);
    let note = format!("{GO_TEXT}\n{GO_LINE}");
    assert_eq!(verify(&note, &[key]).unwrap(), Verified { text: GO_TEXT, signers: vec!["PeterNeumann"] });
}

#[test]
fn text_with_empty_lines_as_in_the_standard() {
    let text = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned \u{e8} subito sera.\n";
    let key = pair();
    let note = sign(text, "quasimodo.example/salvatore", &key).unwrap();
    assert_eq!(verify(&note, &[verifier("quasimodo.example/salvatore", &key)]).unwrap().text, text);
}

#[test]
fn several_signatures() {
    let (a, b, stranger) = (pair(), pair(), pair());
    let text = "origin\n1\nhash\n";
    let line = |name: &str, key: &Pair| sign(text, name, key).unwrap().rsplit_once("\n\n").unwrap().1.to_owned();
    let note = format!("{text}\n{}{}{}{}", line("s", &stranger), line("a", &a), line("b", &b), line("a", &a));
    let (va, vb) = (verifier("a", &a), verifier("b", &b));
    assert_eq!(verify(&note, &[vb.clone(), va.clone()]).unwrap().signers, ["a", "b"]);
    assert_eq!(verify(&note, &[vb]).unwrap().signers, ["b"]);
    assert_eq!(verify(&note, &[]), Err(Error::Unknown));
    // One good signature does not make up for a bad one of a known key.
    let forged = [va.id.as_slice(), &b.sign(text.as_bytes()).unwrap()].concat();
    let bad = format!("{text}\n{}\u{2014} a {}\n", line("b", &b), to_base64(forged));
    assert_eq!(verify(&bad, &[va.clone(), verifier("b", &b)]), Err(Error::Signature { name: "a".into() }));
    // Same name, other id: an unknown key, ignored.
    let shared = format!("{text}\n{}{}", line("a", &stranger), line("a", &a));
    assert_eq!(verify(&shared, &[va]).unwrap().signers, ["a"]);
}

#[test]
fn bad_signature_of_a_known_key_refuses_the_note() {
    let key: Verifier = GO_KEY.parse().unwrap();
    let note = format!("{}\n{GO_LINE}", GO_TEXT.replace("problem is", "problem was"));
    assert_eq!(verify(&note, std::slice::from_ref(&key)), Err(Error::Signature { name: "PeterNeumann".into() }));
    let mut bytes = from_base64(GO_LINE.trim_end().rsplit_once(' ').unwrap().1).unwrap();
    for place in 4..bytes.len() {
        bytes[place] ^= 1;
        let note = format!("{GO_TEXT}\n\u{2014} PeterNeumann {}\n", to_base64(&bytes));
        assert!(matches!(verify(&note, std::slice::from_ref(&key)), Err(Error::Signature { .. })), "byte {place}");
        bytes[place] ^= 1;
    }
    let short = format!("{GO_TEXT}\n\u{2014} PeterNeumann {}\n", to_base64(&bytes[..67]));
    assert!(matches!(verify(&short, &[key]), Err(Error::Signature { .. })));
}

#[test]
fn malformed_notes() {
    let key: Verifier = GO_KEY.parse().unwrap();
    let line = GO_LINE;
    let table = [
        String::new(),
        "\n".into(),
        "\n\n".into(),
        GO_TEXT.to_owned(),
        format!("{GO_TEXT}\n"),
        format!("{GO_TEXT}{line}"),
        format!("{GO_TEXT}\n{}", line.trim_end()),
        format!("{GO_TEXT}\n{line}\n"),
        format!("{GO_TEXT}\n{line}x\n"),
        format!("{GO_TEXT}\n{}", line.replace('\u{2014}', "-")),
        format!("{GO_TEXT}\n{}", line.replace("\u{2014} ", "\u{2014}")),
        format!("{GO_TEXT}\n{}", line.replace("\u{2014} ", "\u{2014}  ")),
        format!("{GO_TEXT}\n{}", line.replace('=', "")),
        format!("{GO_TEXT}\n{}", line.replace("PeterNeumann", "")),
        format!("{GO_TEXT}\n{}", line.replace("PeterNeumann", "Peter+Neumann")),
        format!("{GO_TEXT}\n{}", line.replace("PeterNeumann", "Peter\u{a0}Neumann")),
        format!("{GO_TEXT}\n{}", line.replace('\n', "\r\n")),
        format!("{GO_TEXT}\n{}", line.replace('\n', " \n")),
        format!("{}\n{line}", GO_TEXT.replace('\n', "\r\n")),
        format!("{GO_TEXT}\t\n\n{line}"),
        format!("{GO_TEXT}\0\n\n{line}"),
        format!("{GO_TEXT}\n\u{2014} PeterNeumann x08g\n"),
        format!("{GO_TEXT}\n\u{2014} PeterNeumann x08goA==\n"),
        format!("{GO_TEXT}\n{}", line.repeat(SIGNATURES_MAX + 1)),
        format!("{}\n\n{line}", "x".repeat(NOTE_LEN_MAX)),
    ];
    for note in table {
        let refusal = verify(&note, std::slice::from_ref(&key));
        assert!(matches!(refusal, Err(Error::Malformed { .. })), "{:?} {refusal:?}", note.get(..200).unwrap_or(&note));
    }
    assert!(verify(&format!("{GO_TEXT}\n{}", line.repeat(SIGNATURES_MAX)), &[key]).is_ok());
}

#[test]
fn what_cannot_be_signed() {
    let key = pair();
    for text in ["", "x", "x\ny", "x\r\n", "x\t\n", "\0\n"] {
        assert_eq!(sign(text, "n", &key), Err(Error::Text), "{text:?}");
    }
    for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", "a\u{7f}", &"n".repeat(256)] {
        assert!(matches!(sign("x\n", name, &key), Err(Error::Name { .. })), "{name:?}");
    }
    let p256 = Pair::generate(Algorithm::P256).unwrap();
    assert!(matches!(sign("x\n", "n", &p256), Err(Error::Signer { .. })));
    assert!(matches!(Verifier::new("n", p256.public().clone()), Err(Error::VerifierKey)));
}

#[test]
fn verifier_keys_are_parsed_strictly() {
    let table = [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumans+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10",
    ];
    for text in table {
        assert!(text.parse::<Verifier>().is_err(), "{text}");
    }
}

/// The checkpoint and cosignature of C2SP's tlog-cosignature, whose keys are not published: only its form is looked at.
const C2SP_TEXT: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
const C2SP_LINE: &str = "\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

#[test]
fn cosignatures_are_over_time_and_text() {
    let (key, name) = (pair(), "witness.example.com/w1");
    let witness = Verifier::witness(name, key.public().clone()).unwrap();
    let text_of = witness.to_string();
    assert_eq!(text_of.parse::<Verifier>().unwrap(), witness);
    assert_ne!(witness.id, verifier(name, &key).id, "the type is in the id");
    let line = cosign(C2SP_TEXT, name, &key, 1_679_315_147).unwrap();
    assert_eq!(line.len(), C2SP_LINE.len());
    let bytes = from_base64(line.trim_end().rsplit_once(' ').unwrap().1).unwrap();
    let message = format!("cosignature/v1\ntime 1679315147\n{C2SP_TEXT}");
    assert!(key.public().verify(message.as_bytes(), &bytes[12..]).is_ok());
    assert_eq!((&bytes[..4], &bytes[4..12]), (witness.id.as_slice(), 1_679_315_147_u64.to_be_bytes().as_slice()));

    let known = std::slice::from_ref(&witness);
    let answer = format!("{C2SP_LINE}{line}{line}");
    let found = cosignatures(C2SP_TEXT, &answer, known).unwrap();
    assert_eq!(found, [Cosigned { name: name.to_owned(), time: 1_679_315_147, line: line.clone() }]);
    assert_eq!(cosignatures(C2SP_TEXT, C2SP_LINE, known), Ok(vec![]), "a stranger's is ignored");
    assert_eq!(cosignatures(C2SP_TEXT, &answer, &[]), Ok(vec![]));
    let other = C2SP_TEXT.replace("20852163", "20852164");
    assert_eq!(cosignatures(&other, &line, known), Err(Error::Signature { name: name.into() }));
    // Under a note it is a signature like others, and no log key's.
    let signed = sign(C2SP_TEXT, "example.com/behind-the-sofa", &pair()).unwrap();
    assert_eq!(verify(&format!("{signed}{line}"), known).unwrap().signers, [name]);
    assert_eq!(verify(&format!("{signed}{line}"), &[verifier(name, &key)]), Err(Error::Unknown));
    let mut late = bytes.clone();
    late[11] ^= 1;
    for forged in [late, bytes[..75].to_vec(), bytes[..8].to_vec()] {
        let line = format!("\u{2014} {name} {}\n", to_base64(forged));
        assert_eq!(cosignatures(C2SP_TEXT, &line, known), Err(Error::Signature { name: name.into() }));
    }
    for bad in ["", "x", "\n", "\u{2014} a\n", "\u{2014} a b", "409\n"] {
        assert!(matches!(cosignatures(C2SP_TEXT, bad, known), Err(Error::Malformed { .. })), "{bad:?}");
    }
    assert_eq!(cosign(C2SP_TEXT, name, &key, u64::MAX), Err(Error::Text));
    assert_eq!(cosign("no newline", name, &key, 1), Err(Error::Text));
}
