pub fn one() -> u32 { beta::ONE }
