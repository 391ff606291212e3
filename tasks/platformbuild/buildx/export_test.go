package buildx

// Fields is for the fuzzer.
var Fields = fields
