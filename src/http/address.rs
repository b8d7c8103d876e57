//! Where this server is, as whoever asks reaches it.

use super::{Reached, client};
use crate::engine::Engine;
use actix_web::HttpRequest;
use actix_web::http::header;

/// Where senders find it: without a slash at the end.
pub(super) fn base(request: &HttpRequest, engine: &Engine) -> String {
    if let Some(url) = &engine.live().settings.public_url {
        return url.clone();
    }
    let scheme = if is_secure(request, engine) {
        "https"
    } else {
        "http"
    };
    let host = request.headers().get(header::HOST);
    match host.and_then(|v| v.to_str().ok()) {
        Some(host) => format!("{scheme}://{host}"),
        None => request
            .app_data::<Reached>()
            .map_or_else(String::new, |r| format!("{scheme}://{}", r.addr)),
    }
}

/// Whether whoever asks reached it by TLS: here, by a proxy whose word counts, or under the name of a `public_url` that has it.
pub(super) fn is_secure(request: &HttpRequest, engine: &Engine) -> bool {
    let live = engine.live();
    if let Some(scheme) = client::scheme(request, &live.settings.trusted_proxies) {
        return scheme == "https";
    }
    let here = request.app_data::<Reached>();
    here.is_some_and(|reached| reached.secure) || {
        let host = request.headers().get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let public = live.settings.public_url.as_deref();
        let public = public.and_then(|url| url.strip_prefix("https://"));
        let public = public.and_then(|rest| rest.split('/').next());
        public.is_some() && public == host
    }
}
