package drift

var golangRules []rule
