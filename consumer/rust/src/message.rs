//! The messages of docs/contract: what a body says, and whether it may be stored at all.

use crate::failure::Rejected;
use mongodb::bson::{Binary, Bson, Document, spec::BinarySubtype};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, fmt};

mod canonical;
use canonical::canonical;

pub const BODY_MAX: usize = 131064;
pub const SEQ_MAX: i64 = (1 << 40) - 1;
/// Of an _id: the campaign and the class. The seq is behind them.
pub const CLASS_BYTES: usize = 11;
pub const RECIPIENTS_MAX: usize = 1000;
const TEXT_MAX: usize = 4096;
const DECIMAL_MAX: f64 = 1e15;

pub struct Recipient {
    pub identifier: String,
    pub number: String,
    /// The text of its own.
    pub text: Option<String>,
    pub attributes: Option<Document>,
}

/// A checked body. `raw` is what a dead letter of one recipient is made of.
pub struct Batch {
    pub version: i64,
    pub campaign: String,
    pub class: String,
    pub total: i64,
    pub first: i64,
    pub last: i64,
    pub text: String,
    /// None: left out.
    pub recipients: Vec<Option<Recipient>>,
    raw: Document,
}

/// The values of headers, as text: what repeats the body is compared.
pub type Headers = HashMap<String, String>;

/// The _id of a message: a campaign lies together, a repeat is a duplicate key.
pub fn document_id(campaign: &str, class: &str, seq: i64) -> Bson {
    let mut bytes = Sha256::digest(campaign)[..10].to_vec();
    bytes.push(u8::from(class != "VIP"));
    bytes.extend(&seq.to_be_bytes()[3..]);
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes })
}

pub fn id_of(document: &Document) -> &[u8] {
    document.get_binary_generic("_id").map_or(&[], Vec::as_slice)
}

pub fn seq_of(document: &Document) -> i64 {
    id_of(document).iter().skip(CLASS_BYTES).fold(0, |seq, byte| seq << 8 | i64::from(*byte))
}

/// Checks a body and its headers.
pub fn decode(body: &[u8], headers: &Headers) -> Result<Batch, Rejected> {
    if body.len() > BODY_MAX {
        return reject(format!("body of more than {BODY_MAX} bytes"));
    }
    let value: Value = serde_json::from_slice(body).or_else(|error| reject(error.to_string()))?;
    let Bson::Document(raw) = value.0 else {
        return reject("not a JSON object");
    };
    let version = integer(&raw, "version", 3)?;
    let mut batch = Batch {
        version,
        campaign: text(&raw, "campaign_id", is_id)?,
        class: text(&raw, "class", |class| class == "VIP" || class == "NORMAL")?,
        total: integer(&raw, "total", SEQ_MAX)?,
        first: integer(&raw, "first_seq", SEQ_MAX)?,
        last: 0,
        text: text(&raw, "message", is_text)?,
        recipients: Vec::new(),
        raw: Document::new(),
    };
    let elements = match raw.get("recipients") {
        Some(Bson::Array(found)) if (1..=RECIPIENTS_MAX).contains(&found.len()) => found,
        _ => return reject("recipients: 1 to 1000 are needed"),
    };
    batch.last = batch.first + elements.len() as i64 - 1;
    if batch.last > batch.total {
        return reject("more recipients than total");
    }
    batch.recipients = elements.iter().map(|one| recipient(version, one)).collect::<Result<_, _>>()?;
    batch.raw = raw;
    check_headers(&batch, headers)?;
    Ok(batch)
}

fn recipient(version: i64, element: &Bson) -> Result<Option<Recipient>, Rejected> {
    let object = match element {
        Bson::Null if version >= 3 => return Ok(None),
        Bson::Document(object) => object,
        _ => return reject("a recipient is no object"),
    };
    let mut found = Recipient {
        identifier: text(object, "identifier", is_id)?,
        number: text(object, "phone_number", is_number)?,
        text: None,
        attributes: None,
    };
    if version == 1 {
        return Ok(Some(found)); // what else it brings are unknown fields
    }
    if object.contains_key("message") {
        found.text = Some(text(object, "message", is_text)?);
    }
    match object.get("attributes") {
        None => (),
        Some(value @ Bson::Document(attributes)) => {
            check_attributes(value)?;
            found.attributes = Some(attributes.clone());
        }
        _ => return reject("attributes: an object is needed"),
    }
    Ok(Some(found))
}

impl Batch {
    /// Whether not all of its recipients are left out.
    pub fn reaches_somebody(&self) -> bool {
        self.recipients.iter().any(Option::is_some)
    }

    /// The recipient at `seq` as a batch of one; its headers but the numbers are those of the batch.
    pub fn alone(&self, seq: i64) -> String {
        let mut one = self.raw.clone();
        one.insert("first_seq", seq);
        if let Ok(all) = self.raw.get_array("recipients") {
            one.insert("recipients", vec![all[(seq - self.first) as usize].clone()]);
        }
        canonical(&Bson::Document(one))
    }
}

fn check_headers(batch: &Batch, headers: &Headers) -> Result<(), Rejected> {
    let expected = [
        ("campaign_id", batch.campaign.clone()),
        ("class", batch.class.clone()),
        ("first_seq", batch.first.to_string()),
        ("count", batch.recipients.len().to_string()),
        ("total", batch.total.to_string()),
        ("version", batch.version.to_string()),
    ];
    for (name, want) in expected {
        if headers.get(name).is_some_and(|got| *got != want) {
            return reject(format!("header {name} disagrees with the body"));
        }
    }
    Ok(())
}

fn reject<T>(reason: impl Into<String>) -> Result<T, Rejected> {
    Err(Rejected(reason.into()))
}

fn integer(object: &Document, name: &str, high: i64) -> Result<i64, Rejected> {
    match object.get(name) {
        Some(Bson::Int64(number)) if (1..=high).contains(number) => Ok(*number),
        _ => reject(format!("{name}: a number from 1 to {high} is needed")),
    }
}

fn text(object: &Document, name: &str, valid: fn(&str) -> bool) -> Result<String, Rejected> {
    match object.get(name) {
        Some(Bson::String(found)) if valid(found) => Ok(found.clone()),
        _ => reject(format!("field {name} is missing or wrong")),
    }
}

fn is_text(text: &str) -> bool {
    text.len() <= TEXT_MAX || text.chars().count() <= TEXT_MAX
}

fn is_id(id: &str) -> bool {
    (2..=32).contains(&id.len())
        && id.starts_with(|one: char| one.is_ascii_lowercase())
        && id.bytes().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit())
}

fn is_number(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or_default();
    (8..=15).contains(&digits.len()) && digits.bytes().all(|one| one.is_ascii_digit())
}

/// Looks at what MongoDB could not hold or be asked for, at every level.
fn check_attributes(value: &Bson) -> Result<(), Rejected> {
    match value {
        Bson::Document(object) => object.iter().try_for_each(|(key, value)| {
            if key.is_empty() || key.starts_with('$') || key.contains('.') {
                return reject("attributes: a key that MongoDB could not be asked for");
            }
            check_attributes(value)
        }),
        Bson::Array(elements) => elements.iter().try_for_each(check_attributes),
        Bson::Double(number) if number.abs() >= DECIMAL_MAX => {
            reject("attributes: a number that is too large")
        }
        _ => Ok(()),
    }
}

/// JSON as the contract has it: whole numbers have 64 bits, no name twice, no U+0000. A whole number
/// beyond 64 bits becomes a double, which no field of ours may be.
struct Value(Bson);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value(Bson::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value(Bson::Boolean(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value(Bson::Int64(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value(i64::try_from(value).map_or(Bson::Double(value as f64), Bson::Int64)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value(Bson::Double(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        if value.contains('\0') {
            return Err(E::custom("U+0000 in a string"));
        }
        Ok(Value(Bson::String(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(Value(element)) = access.next_element()? {
            elements.push(element);
        }
        Ok(Value(Bson::Array(elements)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut object = Document::new();
        while let Some((key, Value(value))) = access.next_entry::<String, Value>()? {
            if key.contains('\0') || object.insert(key, value).is_some() {
                return Err(A::Error::custom("a field twice, or U+0000 in its name"));
            }
        }
        Ok(Value(Bson::Document(object)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;

    const PLAIN: &str = r#"{"version":1,"campaign_id":"tz4a98xxat96iws9zmbrgj3a","class":"NORMAL","total":2,
        "first_seq":1,"message":"Hello","recipients":[
        {"identifier":"f1k0n2p9x7c3v5b8m4q6w1za","phone_number":"+5511987654321"},
        {"identifier":"g8t3r5w2y6u1i9o4p7s0d3fb","phone_number":"+5511987654322"}]}"#;

    fn tried(body: &str) -> Result<Batch, Rejected> {
        decode(body.as_bytes(), &Headers::new())
    }

    #[test]
    fn the_id_is_the_one_of_the_worked_example() {
        for (class, seq, expected) in [
            ("VIP", 1, "c72a31523b9e32682d28000000000001"),
            ("NORMAL", 1, "c72a31523b9e32682d28010000000001"),
            ("NORMAL", 70000, "c72a31523b9e32682d28010000011170"),
        ] {
            let id = document_id("tz4a98xxat96iws9zmbrgj3a", class, seq);
            let Bson::Binary(binary) = &id else { panic!("{id}") };
            let hex: String = binary.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
            assert_eq!(seq_of(&doc! {"_id": id}), seq);
        }
    }

    #[test]
    fn what_is_well_formed_is_taken() {
        let batch = tried(PLAIN).unwrap();
        assert_eq!((batch.last, batch.recipients.len()), (2, 2));
        let own = PLAIN.replace(r#""version":1"#, r#""version":2"#).replace(
            r#"321"}"#,
            r#"321","message":"Hi","attributes":{"a":-1.5,"b":[1,null,{}],"c":"é\ud83d\ude00"}}"#,
        );
        let batch = tried(&own).unwrap();
        let first = batch.recipients[0].as_ref().unwrap();
        assert_eq!(first.text.as_deref(), Some("Hi"));
        assert_eq!(first.attributes, Some(doc! {"a": -1.5, "b": [1_i64, Bson::Null, {}], "c": "é😀"}));
        let alone = tried(&batch.alone(2)).unwrap();
        assert_eq!((alone.first, alone.last, alone.recipients.len()), (2, 2, 1));
        let at = PLAIN.find("[").unwrap();
        let left_out = PLAIN[..at].replace(r#""version":1"#, r#""version":3"#) + "[null,null]}";
        assert!(tried(&left_out).unwrap().recipients.iter().all(Option::is_none));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let long = "x".repeat(4097);
        for (from, to) in [
            ("{", ""),
            ("}]}", "}]} x"),
            ("Hello", r"Hell\u0000"),
            ("Hello", r"\ud800"),
            ("Hello", r"\udc00\ud800"),
            ("Hello", r"\ud800\n"),
            ("Hello", &long),
            (r#""version":1"#, r#""version":4"#),
            (r#""version":1"#, r#""version":1,"version":1"#),
            (r#""NORMAL""#, r#""GOLD""#),
            (r#""first_seq":1"#, r#""first_seq":2"#),
            (r#""first_seq":1"#, r#""first_seq":"1""#),
            (r#""total":2"#, r#""total":1099511627776"#),
            (r#""total":2"#, r#""total":99999999999999999999"#),
            ("+5511987654321", "5511987654321"),
            ("tz4a98", "Tz4a98"),
            (r#""identifier":"f1"#, r#""identity":"f1"#),
            (r#""Hello""#, "null"),
        ] {
            assert!(tried(&PLAIN.replacen(from, to, 1)).is_err(), "{from} -> {to}");
        }
        let attributes = [
            "[]",
            "null",
            r#"{"":1}"#,
            r#"{"$a":1}"#,
            r#"{"a":[{"b.c":1}]}"#,
            r#"{"a":9223372036854775808}"#,
        ];
        for one in attributes.into_iter().chain([r#"{"a":1e15}"#, r#"{"a":1,"a":1}"#]) {
            let body = PLAIN
                .replace(r#""version":1"#, r#""version":2"#)
                .replace(r#"321"}"#, &format!(r#"321","attributes":{one}}}"#));
            assert!(tried(&body).is_err(), "{one}");
        }
        assert!(decode(b"{\"version\":\"\xff\"}", &Headers::new()).is_err());
        let headers = Headers::from([("count".to_owned(), "3".to_owned())]);
        assert!(decode(PLAIN.as_bytes(), &headers).is_err());
        assert!(tried(&(PLAIN.to_owned() + &" ".repeat(BODY_MAX))).is_err());
    }
}
