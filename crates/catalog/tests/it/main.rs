//! Tests of the catalog through its interface.
