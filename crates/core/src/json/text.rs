//! The RFC 8785 text of anything that serializes, written in one go: no tree of values is made first.
//!
//! Fields are written as they come. When an object is closed and they did not come in order, its text is put in order: whoever
//! declares fields by name pays nothing for it.

use std::cmp::Ordering;
use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};
use serde_json::{Serializer, Value};

use super::{Error, INTEGER_MAX, INTEGER_MAX_F64};

/// Room of a text from the start, in bytes: most records and events need no more.
const TEXT_LEN: usize = 1_024;

/// Where a field stands in the text.
#[derive(Debug, Clone, Copy)]
struct Field {
    /// Of the quotation mark before its name.
    start: usize,
    /// Behind the quotation mark that ends its name.
    name_end: usize,
    /// Behind its value.
    end: usize,
}

/// A text as far as it is written.
#[derive(Debug)]
struct Text {
    bytes: Vec<u8>,
    /// Fields of the objects that are open, those of the innermost last.
    fields: Vec<Field>,
    /// How many of them stand before the first of each open object.
    open: Vec<usize>,
    /// Whether the name of a field is being written: a number there is no number.
    in_name: bool,
    /// What has no canonical form; the writer's own errors carry no more than a text.
    refused: Option<Error>,
}

/// The RFC 8785 bytes of a value.
pub(super) fn of<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let bytes = Vec::with_capacity(TEXT_LEN);
    let mut text = Text { bytes, fields: Vec::new(), open: Vec::new(), in_name: false, refused: None };
    match value.serialize(&mut Serializer::with_formatter(io::sink(), Canonical(&mut text))) {
        Ok(()) => Ok(text.bytes),
        Err(error) => Err(text.refused.unwrap_or_else(|| refused(&error))),
    }
}

fn refused(error: &serde_json::Error) -> Error {
    Error::Refused { reason: error.to_string() }
}

impl Text {
    fn refuse(&mut self, error: Error) -> io::Result<()> {
        self.refused = Some(error);
        Err(io::ErrorKind::InvalidData.into())
    }

    /// Refuses a number that readers would round.
    fn check(&mut self, exact: bool, number: impl ToString) -> io::Result<()> {
        if exact || self.in_name { Ok(()) } else { self.refuse(Error::Number { number: number.to_string() }) }
    }

    /// Puts the fields from the `first` on in order, and ends their object.
    fn close(&mut self, first: usize) -> io::Result<()> {
        let fields = self.fields.get_mut(first..).unwrap_or_default();
        let compare = |one: &Field, other: &Field| by_name(name(&self.bytes, *one), name(&self.bytes, *other));
        if !fields.is_sorted_by(|one, other| compare(one, other) == Ordering::Less) {
            let begin = fields.first().map_or(self.bytes.len(), |field| field.start);
            fields.sort_by(compare);
            if fields.windows(2).any(|pair| matches!(pair, [one, other] if compare(one, other) == Ordering::Equal)) {
                return self.refuse(Error::Refused { reason: "a key stands twice".to_owned() });
            }
            let parts: Vec<&[u8]> =
                fields.iter().map(|field| self.bytes.get(field.start..field.end).unwrap_or_default()).collect();
            let ordered = parts.join(b",".as_slice());
            self.bytes.truncate(begin);
            self.bytes.extend_from_slice(&ordered);
        }
        self.fields.truncate(first);
        self.bytes.push(b'}');
        Ok(())
    }
}

/// The name of a field with its quotation marks.
fn name(bytes: &[u8], field: Field) -> &[u8] {
    bytes.get(field.start..field.name_end).unwrap_or_default()
}

/// The order of RFC 8785 §3.2.3, by units of UTF-16; ASCII has the same one by its bytes.
fn by_name(one: &[u8], other: &[u8]) -> Ordering {
    let plain = |name: &[u8]| name.iter().all(|byte| byte.is_ascii() && *byte != b'\\');
    if plain(one) && plain(other) {
        // Without the last quotation mark: a name that ends goes before one that goes on.
        return one.strip_suffix(b"\"").cmp(&other.strip_suffix(b"\""));
    }
    let read = |name| serde_json::from_slice::<String>(name).unwrap_or_default();
    read(one).encode_utf16().cmp(read(other).encode_utf16())
}

/// Writes to a text whatever a serializer says.
struct Canonical<'t>(&'t mut Text);

/// What is written as compact JSON has it.
macro_rules! as_compact {
    ($($name:ident($($argument:ident: $kind:ty)?);)+) => {$(
        fn $name<W: io::Write + ?Sized>(&mut self, _: &mut W $(, $argument: $kind)?) -> io::Result<()> {
            CompactFormatter.$name(&mut self.0.bytes $(, $argument)?)
        }
    )+};
}

impl Formatter for Canonical<'_> {
    as_compact! {
        write_null();
        write_bool(value: bool);
        write_i8(value: i8);
        write_i16(value: i16);
        write_i32(value: i32);
        write_u8(value: u8);
        write_u16(value: u16);
        write_u32(value: u32);
        begin_string();
        end_string();
        write_string_fragment(fragment: &str);
        write_char_escape(escape: CharEscape);
        begin_array();
        end_array();
        begin_array_value(first: bool);
        begin_object_value();
    }

    fn write_i64<W: io::Write + ?Sized>(&mut self, _: &mut W, value: i64) -> io::Result<()> {
        self.0.check(value.unsigned_abs() <= INTEGER_MAX, value)?;
        CompactFormatter.write_i64(&mut self.0.bytes, value)
    }

    fn write_u64<W: io::Write + ?Sized>(&mut self, _: &mut W, value: u64) -> io::Result<()> {
        self.0.check(value <= INTEGER_MAX, value)?;
        CompactFormatter.write_u64(&mut self.0.bytes, value)
    }

    fn write_i128<W: io::Write + ?Sized>(&mut self, _: &mut W, value: i128) -> io::Result<()> {
        self.0.check(value.unsigned_abs() <= u128::from(INTEGER_MAX), value)?;
        CompactFormatter.write_i128(&mut self.0.bytes, value)
    }

    fn write_u128<W: io::Write + ?Sized>(&mut self, _: &mut W, value: u128) -> io::Result<()> {
        self.0.check(value <= u128::from(INTEGER_MAX), value)?;
        CompactFormatter.write_u128(&mut self.0.bytes, value)
    }

    fn write_f32<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        self.write_f64(writer, f64::from(value))
    }

    /// Fractions are written as ECMAScript does, by a crate that knows how.
    fn write_f64<W: io::Write + ?Sized>(&mut self, _: &mut W, value: f64) -> io::Result<()> {
        self.0.check(value.fract() != 0.0 || value.abs() <= INTEGER_MAX_F64, value)?;
        self.0.bytes.extend(serde_json_canonicalizer::to_vec(&value)?);
        Ok(())
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.0.open.push(self.0.fields.len());
        self.0.bytes.push(b'{');
        Ok(())
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        let first = self.0.open.pop().unwrap_or_default();
        self.0.close(first)
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, _: &mut W, first: bool) -> io::Result<()> {
        if !first {
            self.0.bytes.push(b',');
        }
        let start = self.0.bytes.len();
        self.0.fields.push(Field { start, name_end: start, end: start });
        self.0.in_name = true;
        Ok(())
    }

    fn end_object_key<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        let name_end = self.0.bytes.len();
        self.0.fields.last_mut().into_iter().for_each(|field| field.name_end = name_end);
        self.0.in_name = false;
        Ok(())
    }

    fn end_object_value<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        let end = self.0.bytes.len();
        self.0.fields.last_mut().into_iter().for_each(|field| field.end = end);
        Ok(())
    }

    /// A text that is JSON already and may be written in any way.
    fn write_raw_fragment<W: io::Write + ?Sized>(&mut self, _: &mut W, fragment: &str) -> io::Result<()> {
        match serde_json::from_str::<Value>(fragment).map_err(|error| refused(&error)).and_then(|value| of(&value)) {
            Ok(bytes) => self.0.bytes.extend(bytes),
            Err(error) => return self.0.refuse(error),
        }
        Ok(())
    }
}
