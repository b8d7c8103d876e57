//! Style, scripts, and the library of the charts: all within the binary, open
//! to all as they tell nothing, and kept by browsers until another build.

use crate::http::documented::{Answers, in_path, like, one_of, refused, said, text};
use crate::http::kinds;
use crate::http::problem::Problem;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::sync::LazyLock;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{Content, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses};

struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static [u8],
    /// The same, smaller.
    gzip: Vec<u8>,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let all: [(&str, &str, &[u8]); 6] = [
        (
            "style.css",
            "text/css; charset=utf-8",
            include_bytes!("static/style.css"),
        ),
        ("page.js", SCRIPT, include_bytes!("static/page.js")),
        ("rows.js", SCRIPT, include_bytes!("static/rows.js")),
        ("charts.js", SCRIPT, include_bytes!("static/charts.js")),
        ("uplot.js", SCRIPT, include_bytes!("static/uplot.js")),
        (
            "icon.svg",
            "image/svg+xml",
            include_bytes!("static/icon.svg"),
        ),
    ];
    let asset = |(name, kind, text)| {
        let gzip = zipped(text);
        Asset {
            name,
            kind,
            text,
            gzip,
        }
    };
    all.into_iter().map(asset).collect()
});

/// Of all of them; another one when any is another.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = blake3::Hasher::new();
    for asset in ASSETS.iter() {
        hash.update(asset.name.as_bytes());
        hash.update(asset.text);
    }
    hash.finalize().to_hex()[..12].to_owned()
});

pub(super) fn version() -> &'static str {
    &VERSION
}

/// Nothing in memory can fail to be written to.
fn zipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let _ = encoder.write_all(text);
    encoder.finish().unwrap_or_default()
}

/// Which of them.
struct Asked;

impl IntoParams for Asked {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            in_path(
                "version",
                "That of the page which names them; by any other they are not to be kept.",
                like("^[^/]+$"),
            ),
            in_path(
                "name",
                "Which.",
                one_of(ASSETS.iter().map(|asset| asset.name)),
            ),
        ]
    }
}

/// What they are answered.
struct Given;

impl IntoResponses for Given {
    fn responses() -> Answers {
        let mut answers = refused(&[kinds::NO_SUCH_PATH]);
        let mut given = ResponseBuilder::new()
            .description("It, gzipped where that is understood.")
            .header(
                "Content-Encoding",
                said("`gzip`, where the request takes that."),
            );
        for asset in ASSETS.iter() {
            let kind = asset.kind.split(';').next().unwrap_or(asset.kind);
            given = given.content(kind, Content::new(Some(text())));
        }
        answers.insert("200".to_owned(), given.into());
        answers
    }
}

/// `GET /assets/{version}/{name}`
#[utoipa::path(
    get,
    path = "/assets/{version}/{name}",
    tag = "pages",
    operation_id = "asset",
    summary = "Style, scripts and the icon of the pages",
    params(Asked),
    responses(Given),
    security(()),
)]
pub async fn asset(request: HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    let (version, name) = path.into_inner();
    let found = ASSETS.iter().find(|asset| asset.name == name);
    let Some(asset) = found else {
        let path = request.path().to_owned();
        return Problem::NoSuchPath { path }.respond();
    };
    let mut response = HttpResponse::Ok();
    // A page of before asks by its own version and gets what there is, which it must not keep.
    let keep = if version == self::version() {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    response
        .insert_header((header::CACHE_CONTROL, keep))
        .insert_header((header::VARY, "accept-encoding"))
        .content_type(asset.kind);
    if takes_gzip(&request) {
        response
            .insert_header((header::CONTENT_ENCODING, "gzip"))
            .body(asset.gzip.as_slice())
    } else {
        response.body(asset.text)
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(header::ACCEPT_ENCODING);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    accepted.is_some_and(|value| {
        let mut codings = value.split(',').map(str::trim);
        codings.any(|coding| {
            coding == "gzip" || (coding.starts_with("gzip;") && !coding.ends_with("q=0"))
        })
    })
}
