//! The servers that are compared. Two of them are this benchmark, started once more with a hidden first argument; Fluent Bit and
//! Vector are among them where they are installed.

use crate::load::process;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::Value;
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{self, Path};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};

/// The hidden argument; after it comes the name of what to be.
pub const AS_SERVER: &str = "--as-server";
const FLUENT_BIT: &str = "fluent-bit";
const VECTOR: &str = "vector";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads the body and answers: nothing that receives webhooks with this HTTP server is faster.
    Ceiling,
    /// What one writes in an afternoon: parsed into a tree, a line of CSV, flushed to the system. No sync, no removal of
    /// duplicates, no new columns.
    Afternoon,
    /// As it is installed.
    Rowhook,
    /// Takes JSON over HTTP into memory, and writes a file once a second.
    FluentBit,
    /// Takes JSON over HTTP, and answers when its file sink has acknowledged it: nothing is synced by then.
    Vector,
}

impl Kind {
    /// Those that are here, in the order of their turns.
    pub fn found() -> Vec<Self> {
        let mut found = vec![Self::Ceiling, Self::Afternoon, Self::Rowhook];
        found.extend([Self::FluentBit, Self::Vector].into_iter().filter(|other| {
            let mut version = Command::new(other.name());
            version.stdout(Stdio::null()).stderr(Stdio::null());
            let status = version.arg("--version").status();
            status.is_ok_and(|status| status.success())
        }));
        found
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Afternoon => "afternoon",
            Self::Rowhook => "rowhook",
            Self::FluentBit => FLUENT_BIT,
            Self::Vector => VECTOR,
        }
    }

    /// What starts it, but for `--listen` and `--output`.
    pub fn command(self, rowhook: &Path) -> io::Result<Command> {
        if self == Self::Rowhook {
            return Ok(process::command(&path::absolute(rowhook)?));
        }
        let mut command = process::command(&env::current_exe()?);
        command.args([AS_SERVER, self.name()]);
        Ok(command)
    }
}

/// Serves as the one of this name until it is killed. `args` are `--listen ADDR --output DIR`.
pub fn serve(name: &str, args: &[OsString]) -> ExitCode {
    let [_, listen, _, output] = args else {
        eprintln!("expected --listen ADDR --output DIR");
        return ExitCode::from(2);
    };
    let (listen, output) = (listen.to_string_lossy(), Path::new(output));
    let served = if name == Kind::Ceiling.name() {
        actix_web::rt::System::new().block_on(ceiling(&listen))
    } else if name == Kind::Afternoon.name() {
        actix_web::rt::System::new().block_on(afternoon(&listen, output))
    } else {
        Err(become_other(name, &listen, output))
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// This process becomes that one; what comes back is why it did not.
fn become_other(name: &str, listen: &str, output: &Path) -> Box<dyn Error> {
    let start = || -> Result<Command, Box<dyn Error>> {
        std::fs::create_dir_all(output)?;
        // They take no port from us; between this line and their own somebody else might.
        let addr = TcpListener::bind(listen)?.local_addr()?;
        println!("listening on http://{addr}");
        if name == VECTOR {
            vector(addr, output)
        } else {
            Ok(fluent_bit(addr, output))
        }
    };
    match start() {
        Ok(mut command) => command.exec().into(),
        Err(error) => error,
    }
}

fn fluent_bit(addr: SocketAddr, output: &Path) -> Command {
    let mut command = Command::new(FLUENT_BIT);
    let path = format!("path={}", output.display());
    let port = format!("port={}", addr.port());
    let source = ["-i", "http", "-p", "listen=127.0.0.1", "-p", &port];
    let answer = ["-p", "successful_response_code=200"];
    let sink = ["-o", "file", "-m", "*", "-p", &path, "-p", "file=rows.csv"];
    command.args(["-q", "-f", "1"]);
    command.args(source).args(answer).args(sink);
    command.args(["-p", "format=plain"]);
    command
}

fn vector(addr: SocketAddr, output: &Path) -> Result<Command, Box<dyn Error>> {
    let config = serde_json::json!({
        "data_dir": output,
        "sources": {"events": {
            "type": "http_server",
            "address": addr,
            "path": "/hooks/lessonly",
            "decoding": {"codec": "json"},
        }},
        "sinks": {"rows": {
            "type": "file",
            "inputs": ["events"],
            "path": output.join("rows.csv"),
            "encoding": {"codec": "json"},
            "acknowledgements": {"enabled": true},
        }},
    });
    let path = output.join("vector.json");
    std::fs::write(&path, config.to_string())?;
    let mut command = Command::new(VECTOR);
    command.arg("--quiet").arg("--config").arg(path);
    Ok(command)
}

async fn ceiling(listen: &str) -> Result<(), Box<dyn Error>> {
    let server = HttpServer::new(|| {
        App::new().route(
            "/hooks/lessonly",
            web::post().to(|body: web::Bytes| async move {
                std::hint::black_box(body);
                HttpResponse::Ok()
                    .content_type("application/json")
                    .body(r#"{"status":"stored","id":"00000000000000000000000000000000"}"#)
            }),
        )
    });
    let server = server.bind(listen)?;
    println!("listening on http://{}", server.addrs()[0]);
    Ok(server.run().await?)
}

async fn afternoon(listen: &str, output: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(output)?;
    let file = File::create(output.join("rows.csv"))?;
    let csv = web::Data::new(Mutex::new(csv::Writer::from_writer(file)));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(csv.clone())
            .route("/hooks/lessonly", web::post().to(append))
    });
    let server = server.bind(listen)?;
    println!("listening on http://{}", server.addrs()[0]);
    Ok(server.run().await?)
}

async fn append(body: web::Bytes, csv: web::Data<Mutex<csv::Writer<File>>>) -> HttpResponse {
    let Ok(value) = serde_json::from_slice::<Value>(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    let mut cells = Vec::new();
    flatten(&value, &mut cells);
    let mut csv = csv.lock().unwrap_or_else(PoisonError::into_inner);
    let written = csv.write_record(&cells).and_then(|()| Ok(csv.flush()?));
    match written {
        Ok(()) => HttpResponse::Ok().json(serde_json::json!({"status": "stored"})),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

fn flatten(value: &Value, cells: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.values().for_each(|value| flatten(value, cells)),
        Value::String(text) => cells.push(text.clone()),
        other => cells.push(other.to_string()),
    }
}
