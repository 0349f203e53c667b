//! The library in a few calls: backs up a folder into a vault, then restores the new recovery point elsewhere.
//!
//! ```text
//! STRONGROOM_PASSPHRASE='correct horse battery staple' strongroom-quickstart FOLDER VAULT TARGET
//! ```

use std::error::Error;

use strongroom::crypto::{Passphrase, SlotSecret};
use strongroom::vault::{Error as VaultError, InitOptions};
use strongroom::{BackupOptions, NoMonitor, RestoreOptions, RestoreTarget, Strongroom};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(place), Some(target)) = (args.next(), args.next(), args.next()) else {
        return Err("usage: strongroom-quickstart FOLDER VAULT TARGET".into());
    };
    let passphrase = Passphrase::new(&std::env::var("STRONGROOM_PASSPHRASE")?)?;
    let vault = match Strongroom::open(&place, SlotSecret::Passphrase(&passphrase)) {
        Ok(vault) => vault,
        Err(strongroom::Error::Vault(VaultError::NoVault { .. })) => {
            Strongroom::init(&place, &passphrase, &InitOptions::default())?
        }
        Err(error) => return Err(error.into()),
    };
    let folder = std::path::absolute(folder)?;
    let report = vault.backup(&BackupOptions::new("quickstart", vec![folder]), &NoMonitor)?;
    let point = report.recovery_point.ok_or("a dry run makes no point")?;
    let target = RestoreTarget::Directory(target.into());
    let restored = vault.restore(&point, &RestoreOptions::new(target), &NoMonitor)?;
    let (files, bytes) = (restored.files_count, restored.written_bytes);
    eprintln!(
        "{point}: {} bytes stored, {files} files and {bytes} bytes restored",
        report.stored_bytes
    );
    Ok(())
}
