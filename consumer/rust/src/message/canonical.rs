//! Bodies, written as the contract has them: attributes keep the bytes that they came with.

use mongodb::bson::Bson;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter};
use std::io::{self, Write};

const DECIMAL_DIGITS: usize = 15;

pub fn canonical(body: &Bson) -> String {
    let mut out = Vec::new();
    // A vector takes all that is written.
    let _ = json(body).serialize(&mut Serializer::with_formatter(&mut out, Decimals));
    String::from_utf8(out).unwrap_or_default()
}

fn json(value: &Bson) -> serde_json::Value {
    match value {
        Bson::Document(object) => object.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
        Bson::Array(elements) => elements.iter().map(json).collect(),
        Bson::String(text) => text.as_str().into(),
        Bson::Boolean(value) => (*value).into(),
        Bson::Int64(number) => (*number).into(),
        Bson::Double(number) => (*number).into(),
        _ => serde_json::Value::Null,
    }
}

/// serde_json writes an exponent where there are many zeros.
struct Decimals;

impl Formatter for Decimals {
    fn write_f64<W: Write + ?Sized>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        match decimal_text(value) {
            Some(text) => out.write_all(text.as_bytes()),
            None => CompactFormatter.write_f64(out, value),
        }
    }
}

/// None if it has no canonical form. In a field that nobody knows it may be anything, of hundreds of digits.
fn decimal_text(number: f64) -> Option<String> {
    let text = number.to_string();
    let (before, behind) = text.trim_start_matches('-').split_once('.')?;
    let counted = if before == "0" { behind.len() } else { before.len() + behind.len() };
    (counted <= DECIMAL_DIGITS).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::{Headers, decode};

    fn body(attributes: &str, later: &str) -> String {
        let recipient =
            format!(r#"{{"identifier":"f1","phone_number":"+5511987654321","attributes":{{{attributes}}}}}"#);
        let head =
            r#""version":2,"campaign_id":"tz4a98xx","class":"VIP","total":1,"first_seq":1,"message":"Hi""#;
        format!(r#"{{{head},"recipients":[{recipient}],"later":{later}}}"#)
    }

    fn alone(body: &str) -> String {
        decode(body.as_bytes(), &Headers::new()).unwrap().alone(1)
    }

    #[test]
    fn numbers_keep_their_bytes() {
        for number in [
            "0.0000001",
            "-0.0000001",
            "0.000000000000001",
            "0.00000123456789",
            "-1.5",
            "99999999999999.9",
            "-1.00000000000001",
            "0",
            "9223372036854775807",
            "-9223372036854775808",
        ] {
            let body = body(&format!(r#""a":{number}"#), "null");
            assert_eq!(alone(&body), body);
        }
    }

    #[test]
    fn every_decimal_keeps_its_bytes() {
        let mut random: u64 = 1;
        for places in (1..=15).cycle().take(15_000) {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            // At most 15 of them, and the last one is not 0.
            let digits = random % 10_u64.pow(1 + places % 15) / 10 * 10 + 1 + random % 9;
            let (whole, rest) = (digits / 10_u64.pow(places), digits % 10_u64.pow(places));
            let body = body(&format!(r#""a":{whole}.{rest:0width$}"#, width = places as usize), "null");
            assert_eq!(alone(&body), body);
        }
    }

    #[test]
    fn all_else_keeps_its_bytes() {
        let text = r#""a":"\"\\\u001f\n/","b":[null,true,{}],"é😀":"é😀""#;
        let body = body(text, "[1e-300,1.0]");
        assert_eq!(alone(&body), body);
    }
}
