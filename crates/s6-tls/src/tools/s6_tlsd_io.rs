//! `s6-tlsd-io`: a relay between a local program and a TLS client.

use crate::server::{self, ASK, ClientCertificate, DEMAND, SNI_LEVEL};
use crate::session::{J, NO_J, NO_S, NOTIFICATION, S, Session, TIMEOUT, VERBOSITY};
use std::sync::Arc;
use tool::{Call, Options, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-tlsd-io",
    summary: "relay between a local program and a TLS client",
    operands: "fdr fdw",
    options: &[S, NO_S, J, NO_J, ASK, DEMAND, VERBOSITY, TIMEOUT, SNI_LEVEL, NOTIFICATION],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let sni = options.number('k')?.unwrap_or(0);
    let session = Session::new(call, &options)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = server::connection(&call.env, certificate(&options), sni, &provider)?;
    session.run(&call.env, tls.into(), None, &provider)
}

fn certificate(options: &Options) -> ClientCertificate {
    match options.last_of("yY") {
        Some('y') => ClientCertificate::Mandatory,
        Some(_) => ClientCertificate::Optional,
        None => ClientCertificate::Ignored,
    }
}
