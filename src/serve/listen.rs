//! The listener and its workers: what actix-web's own consists of, with our
//! door in front. Its own would stop to accept where there are too many
//! connections, so that those without a place wait for nothing, and would let
//! TLS handshakes that are not finished keep others from theirs.

use super::connection::Connection;
use super::door::{Door, TOLD_MAX};
use super::front::Front;
use super::places::Places;
use crate::engine::{Engine, Local};
use crate::http::attempts::Attempts;
use crate::http::direct::{self, Hooks};
use crate::http::{Reached, default_headers, progress, refuse_endless, routes};
use crate::receive::Desk;
use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive, Protocol, Request};
use actix_server::Server;
use actix_service::{
    Service as _, ServiceFactoryExt as _, apply_fn_factory, fn_service, map_config,
};
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

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The workers.
    pub workers: usize,
    /// Connections that are served, at all workers together.
    pub places: usize,
    /// Connections that are told that there is no place.
    pub told: usize,
}

impl Room {
    /// As many as wanted, if there are `files` for them. A worker takes connections in before it knows whether there is a place,
    /// and all places may be taken at one: each may have as many as there are in all.
    #[must_use]
    pub fn within(workers: usize, wanted: usize, files: usize) -> Self {
        /// So many there are even if files are too few.
        const LEAST: usize = 16;
        let workers = workers.max(1);
        let one = files / workers;
        let told = (one / 4).clamp(LEAST, TOLD_MAX);
        Self {
            workers,
            places: wanted.min(one.saturating_sub(told).max(LEAST)),
            told,
        }
    }

    fn of_one_worker(self) -> usize {
        self.places.saturating_add(self.told)
    }
}

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

/// Serves whoever comes to `listener`, as many as there is `room` for.
///
/// # Errors
/// When the workers cannot be started.
pub fn serve(
    engine: &Arc<Engine>,
    listener: TcpListener,
    room: Room,
    drain_seconds: u64,
) -> io::Result<Server> {
    let reached = Reached {
        addr: listener.local_addr()?,
        secure: engine.live().settings.tls.is_some(),
    };
    let settings = engine.live().settings.clone();
    let (places, told) = (Places::new(room.places), Places::new(room.told));
    let door = Door::new(engine, &settings, places.clone(), told)?;
    let attempts = Attempts::default();
    let delivers = engine.clone();
    let engine = web::Data::from(engine.clone());
    let builder = Server::build()
        .workers(room.workers)
        .max_concurrent_connections(room.of_one_worker())
        .shutdown_timeout(drain_seconds)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let ending = stopping.clone();
    actix_web::rt::spawn(async move {
        ending.notified().await;
        places.close();
    });
    let builder = builder.listen("rowhook", listener, move || {
        let stopping = stopping.clone();
        // This is called by each worker, in its own thread.
        let local = Local::new(delivers.clone());
        let hooks = Hooks {
            engine: local.clone(),
            attempts: attempts.clone(),
            desk: Desk::new(delivers.deliveries.clone()),
        };
        let app = App::new()
            .app_data(engine.clone())
            .app_data(attempts.clone())
            .app_data(hooks.clone())
            .app_data(reached)
            .wrap_fn(refuse_endless)
            .wrap(default_headers())
            .wrap_fn(progress::track)
            .configure(routes);
        actix_web::rt::spawn(hooks.desk.tell());
        let front = Front::new(hooks.clone());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            // The connection itself keeps these times, for every request: the server's own would end one whose last answer is
            // taken slowly, as it counts from when that was given.
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(LINGER)
            .local_addr(reached.addr)
            .on_connect_ext(|connection: &Connection, data| {
                data.insert(connection.progress());
            })
            .finish(apply_fn_factory(
                map_config(app, |()| AppConfig::default()),
                move |request: Request, app: &_| direct::answer(request, app, &hooks),
            ));
        let door = door.clone();
        fn_service(move |stream: TcpStream| {
            let (door, engine, front) = (door.clone(), local.clone(), front.clone());
            async move {
                let (mut connection, peer) = door
                    .admit(stream, engine)
                    .await
                    .map_err(DispatchError::Io)?;
                front.take(&mut connection).await;
                Ok((connection, Protocol::Http1, peer))
            }
        })
        .and_then(apply_fn_factory(http, |connection, http: &_| {
            // In a box: a connection that brings nothing but plain deliveries needs no room for it.
            Box::pin(http.call(connection))
        }))
    })?;
    Ok(builder.run())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_workers_together_never_take_more_files_than_there_are() {
        for workers in [1, 2, 3, 16, 64] {
            for files in (0..70_000).step_by(97) {
                let room = Room::within(workers, 4096, files);
                assert!(room.places >= 16 && room.places <= 4096, "{room:?}");
                let least = room.places == 16 && room.told == 16;
                let taken = workers * room.of_one_worker();
                assert!(taken <= files || least, "{room:?} of {files}");
            }
        }
        let plenty = Room::within(8, 4096, usize::MAX);
        assert_eq!((plenty.places, plenty.told), (4096, TOLD_MAX));
        assert_eq!(Room::within(2, 4096, 4096 - 256).places, 1664);
    }
}
