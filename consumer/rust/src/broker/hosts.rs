//! AMQP_URL, taken apart: a cluster has several hosts in it, separated by commas.

use lapin::uri::AMQPUri;

/// The URL of each host, or None if one of them is none. Why is not said: what looks like a host or a port may be
/// half of a password.
pub fn hosts_of(url: &str) -> Option<Vec<AMQPUri>> {
    let authority = url.find("://")? + 3;
    let end = url[authority..].find(['/', '?', '#']).map_or(url.len(), |at| authority + at);
    let start = url[authority..end].rfind('@').map_or(authority, |at| authority + at + 1);
    let uri = |host| uri_of(&url[..start], host, &url[end..]);
    if is_encoded(url) { url[start..end].split(',').map(uri).collect() } else { None }
}

fn uri_of(before: &str, host: &str, behind: &str) -> Option<AMQPUri> {
    // The parser takes localhost for no name, and for an address of IPv6.
    if host.is_empty() || host.starts_with(':') {
        return None;
    }
    let mut uri: AMQPUri = format!("{before}{host}{behind}").parse().ok()?;
    if let Some(literal) = host.strip_prefix('[') {
        uri.authority.host = literal.split_once(']')?.0.to_owned();
    }
    Some(uri)
}

/// Whether each % begins a character; the parser would take it for itself.
fn is_encoded(url: &str) -> bool {
    let is_hex = |code: &[u8]| code.iter().all(u8::is_ascii_hexdigit);
    url.split('%').skip(1).all(|behind| behind.as_bytes().get(..2).is_some_and(is_hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_a_url() {
        for (url, expected) in [
            ("amqp://h", vec!["amqp://h"]),
            (
                "amqp://u:p@a:1,b:2,c/v?heartbeat=5",
                vec![
                    "amqp://u:p@a:1/v?heartbeat=5",
                    "amqp://u:p@b:2/v?heartbeat=5",
                    "amqp://u:p@c/v?heartbeat=5",
                ],
            ),
            ("amqps://u:p,%2f@a,b:3/a,b", vec!["amqps://u:p,%2f@a/a,b", "amqps://u:p,%2f@b:3/a,b"]),
            ("amqp://a,b?frame_max=1", vec!["amqp://a?frame_max=1", "amqp://b?frame_max=1"]),
        ] {
            let expected: Vec<AMQPUri> = expected.into_iter().map(|one| one.parse().unwrap()).collect();
            assert_eq!(hosts_of(url), Some(expected), "{url}");
        }
    }

    #[test]
    fn an_address_of_ipv6_is_the_host() {
        for (url, host, port) in [
            ("amqp://u:p@[::1]:3/", "::1", 3),
            ("amqp://u:p@[2001:db8::1]", "2001:db8::1", 5672),
            ("amqps://[::1]/v", "::1", 5671),
        ] {
            let authority = &hosts_of(url).unwrap()[0].authority;
            assert_eq!((authority.host.as_str(), authority.port), (host, port), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_has_no_hosts() {
        for url in [
            "amqp:user:pw@host",
            "amqp://u:pa%zz@h/v",
            "amqp://u:p@h/%2",
            "amqp://u:p@h/%ff",
            "amqp://u:p/w@h/v",
            "amqp://u:p@a,,b/v",
            "amqp://u:p@a,/v",
            "amqp://:1",
            "amqp://u:p@[::1/v",
            "amqp://u:p@[::x]/v",
            "amqp://",
            "http://u:p@h/v",
            "amqp://u:p@h:70000/v",
            "amqp://u:p@h/v?heartbeat=often",
            "h",
        ] {
            assert_eq!(hosts_of(url), None, "{url}");
        }
    }
}
