package drift

var cargoRules []rule
