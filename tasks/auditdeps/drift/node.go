package drift

var nodeRules []rule
