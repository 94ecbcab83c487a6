//! DATABASE_URL, taken apart: each of its hosts in a configuration of its own.

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// tokio-postgres limits how long a connect takes and not the login behind it: it would wait for ever for a host that
/// takes connections and does not answer, and never try the next one.
pub fn hosts_of(all: &Config) -> Vec<Config> {
    let (names, addresses, ports) = (all.get_hosts(), all.get_hostaddrs(), all.get_ports());
    let count = names.len().max(addresses.len());
    let fit = [names.len(), addresses.len()].iter().all(|length| [0, count].contains(length));
    if count == 0 || !fit || ports.len() > 1 && ports.len() != count {
        return vec![all.clone()]; // it says what is wrong
    }
    let one = |at| {
        let mut one = without_hosts(all);
        match names.get(at) {
            Some(Host::Tcp(name)) => _ = one.host(name),
            Some(Host::Unix(path)) => _ = one.host_path(path),
            None => (),
        }
        addresses.get(at).map(|address| one.hostaddr(*address));
        ports.get(at).or(ports.first()).map(|port| one.port(*port));
        one
    };
    (0..count).map(one).collect()
}

fn without_hosts(all: &Config) -> Config {
    let mut one = Config::new();
    one.ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle())
        .target_session_attrs(all.get_target_session_attrs())
        .channel_binding(all.get_channel_binding())
        .load_balance_hosts(all.get_load_balance_hosts());
    all.get_user().map(|user| one.user(user));
    all.get_password().map(|password| one.password(password));
    all.get_dbname().map(|name| one.dbname(name));
    all.get_options().map(|options| one.options(options));
    all.get_application_name().map(|name| one.application_name(name));
    all.get_connect_timeout().map(|limit| one.connect_timeout(*limit));
    all.get_tcp_user_timeout().map(|limit| one.tcp_user_timeout(*limit));
    all.get_keepalives_interval().map(|interval| one.keepalives_interval(interval));
    all.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: &str = "user=u password=p dbname=d options=-cx=y application_name=n sslmode=require \
        sslnegotiation=direct connect_timeout=7 tcp_user_timeout=8 keepalives=0 keepalives_idle=9 \
        keepalives_interval=10 keepalives_retries=11 target_session_attrs=read-only channel_binding=require \
        load_balance_hosts=random";

    fn read(hosts: &str) -> Config {
        format!("{OTHERS} {hosts}").parse().unwrap()
    }

    #[test]
    fn each_host_keeps_all_the_rest() {
        for (all, each) in [
            ("host=a", vec!["host=a"]),
            ("host=a,b", vec!["host=a", "host=b"]),
            ("host=a,/tmp port=1", vec!["host=a port=1", "host=/tmp port=1"]),
            ("host=a,b port=1,2", vec!["host=a port=1", "host=b port=2"]),
            ("hostaddr=::1,10.0.0.1", vec!["hostaddr=::1", "hostaddr=10.0.0.1"]),
            ("host=a,b hostaddr=::1,::2", vec!["host=a hostaddr=::1", "host=b hostaddr=::2"]),
            ("", vec![""]),
            ("host=a,b port=1,2,3", vec!["host=a,b port=1,2,3"]),
            ("host=a,b hostaddr=::1", vec!["host=a,b hostaddr=::1"]),
        ] {
            assert!(hosts_of(&read(all)) == each.into_iter().map(read).collect::<Vec<_>>(), "{all}");
        }
        let plain: Config = "host=a".parse().unwrap();
        assert!(hosts_of(&plain) == [plain]);
    }
}
