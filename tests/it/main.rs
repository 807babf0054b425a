//! x
#[test]
fn x(){}
