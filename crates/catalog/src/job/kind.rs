//! What a job does, and what it is at.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Makes an enum of known words and any other: newer programs and other owners have words of their own.
macro_rules! open_words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", from = "String")]
        pub enum $name {
            $($(#[$word_doc])* $variant,)*
            /// Another word.
            Other(String),
        }

        impl $name {
            /// The word in documents.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Other(word) => word,
                }
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.as_str().to_owned()
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => Self::$variant,)*
                    _ => Self::Other(word),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

open_words! {
    /// What a job does.
    JobKind {
        /// Makes a recovery point.
        Backup = "backup",
        /// Gives back what a point holds.
        Restore = "restore",
        /// Checks stored bytes.
        Verify = "verify",
        /// Restores to a scratch place and compares.
        Drill = "drill",
        /// Drops points by policy.
        Expire = "expire",
        /// Frees what no point reaches.
        Sweep = "sweep",
        /// Feeds a second copy.
        Copy = "copy",
        /// Mends what is damaged.
        Repair = "repair",
        /// Writes or reads an offline copy.
        Seed = "seed",
    }
}

open_words! {
    /// What a job is at: the phases that the original shows, in their order.
    Phase {
        /// A snapshot of the source is made.
        TakingSnapshot = "taking_snapshot",
        /// The store is made ready.
        PreparingStorage = "preparing_storage",
        /// The size of what is to be done is found out.
        EstimatingSize = "estimating_size",
        /// Data moves.
        TransferringData = "transferring_data",
        /// What was written is checked.
        Verifying = "verifying",
    }
}
