//! `/`: the days with their downloads, and while nothing has come yet, where
//! to send it. Plain HTML without a script.

use super::access::{self, Shown};
use super::listing::{self, Listed};
use super::{Reached, client};
use crate::config::Auth;
use crate::engine::Engine;
use crate::read::Files;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use std::fmt::Write as _;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8885}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}pre{overflow:auto;padding:.8rem;background:#8882;border-radius:.3rem}";

/// The page takes its style from here, and nothing else from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /style.css`: open to all, as it tells nothing.
pub async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "max-age=3600"))
        .content_type("text/css; charset=utf-8")
        .body(STYLE)
}

/// The page.
pub async fn page(request: HttpRequest, engine: web::Data<Engine>) -> HttpResponse {
    let shown = match access::check(&request, &engine, true).await {
        Ok(shown) => shown,
        Err(problem) => return problem.respond(),
    };
    let Ok(days) = listing::days(&engine).await else {
        return super::problem::Problem::Internal.respond();
    };
    // A page that was opened with the token in its address has links that work in the same way.
    let query = match shown {
        Shown::Query => {
            let live = engine.live();
            let token = percent_encoding::percent_encode(
                live.token.expose(),
                percent_encoding::NON_ALPHANUMERIC,
            );
            format!("?token={token}")
        }
        Shown::Header => String::new(),
    };
    HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(render(&engine, &base_url(&request, &engine), &days, &query))
}

/// Where this server is, as senders see it.
fn base_url(request: &HttpRequest, engine: &Engine) -> String {
    if let Some(url) = &engine.live().settings.public_url {
        return url.clone();
    }
    let live = engine.live();
    let reached = request.app_data::<Reached>();
    let secure = reached.is_some_and(|reached| reached.secure);
    let scheme = client::scheme(request, &live.settings.trusted_proxies);
    let scheme = scheme.unwrap_or(if secure { "https" } else { "http" });
    let host = request.headers().get(header::HOST);
    match host.and_then(|v| v.to_str().ok()) {
        Some(host) => format!("{scheme}://{host}"),
        None => reached.map_or_else(String::new, |r| format!("{scheme}://{}", r.addr)),
    }
}

fn render(engine: &Engine, base: &str, days: &[Listed], query: &str) -> String {
    let mut html =
        String::from("<!doctype html><html lang=en><meta charset=utf-8><title>rowhook</title>");
    html.push_str("<meta name=viewport content=\"width=device-width\">");
    html.push_str("<link rel=stylesheet href=/style.css><h1>rowhook</h1>");
    if let Err(why) = engine.health() {
        let _ = write!(
            html,
            "<p role=alert><strong>Not able to store:</strong> {}. Deliveries are refused until that is mended; senders will retry.</p>",
            escape(&why)
        );
    }
    let has_rows = days.iter().any(|listed| listed.summary.figures.rows() > 0);
    if has_rows {
        table(&mut html, days, query);
    } else {
        waiting(&mut html, engine, base);
    }
    html.push_str("</html>");
    html
}

fn table(html: &mut String, days: &[Listed], query: &str) {
    html.push_str("<table><thead><tr><th>Source<th>Day<th class=n>Rows<th class=n>Columns<th class=n>Size<th>State<th>Download</thead><tbody>");
    for listed in days {
        let Listed {
            source,
            day,
            summary,
            files,
        } = listed;
        let figures = &summary.figures;
        let state = match (summary.open, files) {
            (true, _) => "open",
            (false, Files::Whole) => "closed",
            (false, Files::Touched) => "closed; its file was touched",
            (false, Files::Edited) => "closed; somebody changed its file",
            (false, Files::Missing) => "closed; its file is missing",
        };
        let _ = write!(
            html,
            "<tr><td>{source}<td>{day}<td class=n>{}<td class=n>{}<td class=n>{} KB<td>{state}<td><a href=\"/exports/{source}/{day}.csv{query}\">CSV</a>",
            figures.rows(),
            figures.columns(),
            figures.bytes().div_ceil(1000),
        );
        if figures.parts.len() > 1 {
            for part in 1..=figures.parts.len() {
                let _ = write!(
                    html,
                    " <a href=\"/exports/{source}/{day}.{part}.csv{query}\">part {part}</a>"
                );
            }
        }
    }
    html.push_str("</tbody></table>");
}

fn waiting(html: &mut String, engine: &Engine, base: &str) {
    html.push_str("<p>Nothing has come yet. Fill in this callback URL at the sender:</p>");
    for source in engine.live().settings.sources.values() {
        let url = escape(&format!("{base}/hooks/{}", source.name));
        let _ = write!(html, "<h2>{}</h2><p><code>{url}</code></p>", source.name);
        let header = match source.auth {
            Auth::None { .. } => "",
            Auth::Authorization(_) => " -H 'Authorization: THE VALUE THAT YOU SET'",
        };
        let _ = write!(
            html,
            "<p>Or try it from a shell:</p><pre>curl{header} -d '{{\"hello\":\"world\"}}' {url}</pre>"
        );
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
