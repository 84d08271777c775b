use super::*;
use crate::encoding::{from_base64url, to_base64url};

/// RFC 8037 A.1.
const RFC8037_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const RFC8037_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn okp(x: &str) -> Jwk {
    Jwk { crv: "Ed25519".into(), kty: "OKP".into(), x: x.into(), y: None }
}

fn ec(x: &str, y: &str) -> Jwk {
    Jwk { crv: "P-256".into(), kty: "EC".into(), x: x.into(), y: Some(y.into()) }
}

#[test]
fn rfc7638_3_1_thumbprint() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn6\
             4tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO\
             pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let thumbprint = Thumbprint::of_members(&[("e", "AQAB"), ("kty", "RSA"), ("n", n)]);
    assert_eq!(thumbprint.to_string(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn rfc8037_a_3_and_a_4() {
    let public = Public::try_from(&okp(RFC8037_X)).unwrap();
    assert_eq!(public.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    public.verify(message, &from_base64url(signature).unwrap()).unwrap();

    let prefix = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let pair = Pair::from_pkcs8_der(&[&prefix, from_base64url(RFC8037_D).unwrap().as_slice()].concat()).unwrap();
    assert_eq!(pair.public(), &public);
    assert_eq!(to_base64url(pair.sign(message).unwrap()), signature);
}

#[test]
fn rfc7515_a_3_and_rfc9449_6_1() {
    let public =
        Public::try_from(&ec("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"))
            .unwrap();
    let message =
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    public.verify(message.as_bytes(), &from_base64url(signature).unwrap()).unwrap();

    let dpop =
        Public::try_from(&ec("l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"))
            .unwrap();
    assert_eq!(dpop.thumbprint().to_string(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn every_form_gives_the_same_key() {
    for algorithm in [Algorithm::Ed25519, Algorithm::P256] {
        let pair = Pair::generate(algorithm).unwrap();
        let public = pair.public();
        assert_eq!(&Public::try_from(&Jwk::from(public)).unwrap(), public);
        assert_eq!(&Public::from_jwk_json(&public.to_jwk_json().unwrap()).unwrap(), public);
        assert_eq!(&Public::from_spki_der(&public.to_spki_der()).unwrap(), public);
        assert_eq!(&Public::from_raw(algorithm, public.raw()).unwrap(), public);
        assert_eq!(public.thumbprint().to_string().parse::<Thumbprint>().unwrap(), pair.thumbprint());
        let again = Pair::from_pkcs8_pem(pair.to_pkcs8_pem().unwrap().as_bytes()).unwrap();
        let signature = again.sign(b"message").unwrap();
        public.verify(b"message", &signature).unwrap();
        assert!(public.verify(b"massage", &signature).is_err());
        assert!(public.verify(b"message", &signature[..63]).is_err());
        assert!(public.verify(b"message", &[0; SIGNATURE_LEN]).is_err());
        for bit in 0..SIGNATURE_LEN * 8 {
            let mut flipped = signature;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(public.verify(b"message", &flipped).is_err(), "{algorithm} bit {bit}");
        }
    }
}

#[test]
fn x509_parser_reads_our_spki() {
    use x509_parser::prelude::FromDer as _;
    for algorithm in [Algorithm::Ed25519, Algorithm::P256] {
        let public = Pair::generate(algorithm).unwrap().public().clone();
        let der = public.to_spki_der();
        let (rest, spki) = x509_parser::x509::SubjectPublicKeyInfo::from_der(&der).unwrap();
        assert!(rest.is_empty());
        assert_eq!(&*spki.subject_public_key.data, public.raw());
    }
}

#[test]
fn weak_and_malformed_public_keys_are_refused() {
    let good = Pair::generate(Algorithm::P256).unwrap();
    let mut off_curve = good.public().raw().to_vec();
    off_curve[64] ^= 1;
    let mut compressed_tag = good.public().raw().to_vec();
    compressed_tag[0] = 2 + (compressed_tag[64] & 1);
    let table: [(Algorithm, Vec<u8>); 9] = [
        (Algorithm::P256, vec![]),
        (Algorithm::P256, vec![0; 65]),
        (Algorithm::P256, off_curve),
        (Algorithm::P256, compressed_tag.clone()),
        (Algorithm::P256, compressed_tag[..33].to_vec()),
        (Algorithm::P256, good.public().to_spki_der()),
        (Algorithm::Ed25519, vec![]),
        (Algorithm::Ed25519, good.public().raw().to_vec()),
        (Algorithm::Ed25519, vec![1; 31]),
    ];
    for (algorithm, raw) in table {
        assert!(matches!(Public::from_raw(algorithm, &raw), Err(Error::Public { .. })), "{algorithm} {raw:02x?}");
    }
    let rsa_oid = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    assert!(matches!(Public::from_spki_der(&rsa_oid), Err(Error::UnknownAlgorithm)));
    let trailing = [good.public().to_spki_der(), vec![0]].concat();
    assert!(Public::from_spki_der(&trailing).is_err());
}

#[test]
fn small_order_ed25519_keys_are_refused() {
    // The library itself accepts the neutral element, under which this one signature is good for every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut universal = [0; 64];
    universal[0] = 1;
    let unchecked = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, neutral);
    assert!(unchecked.verify(b"pay 1", &universal).is_ok() && unchecked.verify(b"pay 1000", &universal).is_ok());
    for sign in [0, 0x80] {
        for mut bytes in [
            neutral,
            [0; 32],
            std::array::from_fn(|i| {
                if i == 0 {
                    0xec
                } else if i == 31 {
                    0x7f
                } else {
                    0xff
                }
            }),
        ] {
            bytes[31] |= sign;
            assert!(Public::from_raw(Algorithm::Ed25519, &bytes).is_err(), "{bytes:02x?}");
        }
    }
}

#[test]
fn jwk_holds_the_public_members_and_nothing_else() {
    let table = [
        format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{RFC8037_X}","d":"{RFC8037_D}"}}"#),
        format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{RFC8037_X}","x5u":"http://127.0.0.1/"}}"#),
        format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{RFC8037_X}","x":"{RFC8037_X}"}}"#),
        r#"{"crv":"Ed25519","kty":"OKP"}"#.to_owned(),
    ];
    for text in table {
        assert!(matches!(Public::from_jwk_json(&text), Err(Error::Jwk)), "{text}");
    }
    let mut swapped = okp(RFC8037_X);
    swapped.kty = "EC".into();
    let mut padded = okp(RFC8037_X);
    padded.x.push('=');
    let mut extra = okp(RFC8037_X);
    extra.y = Some(RFC8037_X.into());
    for jwk in [swapped, padded, extra, okp(""), okp(&RFC8037_X[..42])] {
        assert!(Public::try_from(&jwk).is_err(), "{jwk:?}");
    }
}

#[test]
fn key_files_are_private() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("login.pem");
    let pair = Pair::generate(Algorithm::Ed25519).unwrap();
    pair.save(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(Pair::load(&path).unwrap().thumbprint(), pair.thumbprint());
    assert!(pair.save(&path).is_err(), "a key file was overwritten");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(Pair::load(&path), Err(Error::File(crate::private_file::Error::Permissions { mode: 0o640, .. }))));
    for text in [
        "",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        assert!(matches!(Pair::from_pkcs8_pem(text.as_bytes()), Err(Error::Private)), "{text}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let pair = Pair::generate(Algorithm::Ed25519).unwrap();
    let der = pair.to_pkcs8_der().unwrap();
    let shown = format!("{pair:?}");
    assert!(!shown.contains(&to_base64url(&der[16..])) && !shown.contains(&format!("{:?}", &der[16..])), "{shown}");
    assert!(shown.contains(&pair.thumbprint().to_string()));
}
