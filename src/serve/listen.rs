//! The listener and its workers: what actix-web's own consists of, with our
//! door in front. Its own would stop to accept where there are too many
//! connections, so that those without a place wait for nothing, and would let
//! TLS handshakes that are not finished keep others from theirs.

use super::connection::{Connection, KEEP_ALIVE};
use super::door::{Door, TOLD_MAX};
use super::places::Places;
use crate::engine::Engine;
use crate::http::attempts::Attempts;
use crate::http::{Reached, common_headers, progress, refuse_endless, routes};
use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_server::Server;
use actix_service::{ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::{App, web};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

/// How long what is still sent after a refusal is read, so that the sender gets to read the refusal.
const LINGER: Duration = Duration::from_secs(1);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Begins to listen.
///
/// # Errors
/// When the system does not let it.
pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A port whose last connections are not forgotten yet is free all the same.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Serves whoever comes to `listener`; there are `places` for connections.
///
/// # Errors
/// When the workers cannot be started.
pub fn serve(
    engine: &Arc<Engine>,
    listener: TcpListener,
    places: usize,
    drain_seconds: u64,
) -> io::Result<Server> {
    let reached = Reached {
        addr: listener.local_addr()?,
        secure: engine.live().settings.tls.is_some(),
    };
    let settings = engine.live().settings.clone();
    let door = Door::new(engine.clone(), &settings, Places::new(places))?;
    let engine = web::Data::from(engine.clone());
    let attempts = Attempts::default();
    let builder = Server::build()
        .workers(std::thread::available_parallelism().map_or(2, usize::from))
        // All places may be taken at one worker, and others be told.
        .max_concurrent_connections(places.saturating_add(TOLD_MAX))
        .shutdown_timeout(drain_seconds)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let builder = builder.listen("rowhook", listener, move || {
        let app = App::new()
            .app_data(engine.clone())
            .app_data(attempts.clone())
            .app_data(reached)
            .wrap_fn(refuse_endless)
            .wrap(common_headers(reached.secure))
            .wrap_fn(progress::track)
            .configure(routes);
        let stopping = stopping.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            // The connection itself keeps this time, for every request.
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(LINGER)
            .local_addr(reached.addr)
            .on_connect_ext(|connection: &Connection, data| {
                data.insert(connection.progress());
            })
            .finish(map_config(app, |()| AppConfig::default()));
        let door = door.clone();
        fn_service(move |stream: TcpStream| {
            let door = door.clone();
            async move {
                let (connection, peer) = door.admit(stream).await.map_err(DispatchError::Io)?;
                Ok((connection, Protocol::Http1, peer))
            }
        })
        .and_then(http)
    })?;
    Ok(builder.run())
}
