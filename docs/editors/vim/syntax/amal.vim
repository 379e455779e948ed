" Syntax of Amal scripts. The lists of words are those of the compiler; the tests compare them.
if exists('b:current_syntax')
  finish
endif

syntax iskeyword @,48-57,_
syntax match amalOperator '->\|[∀∃∧→⟶≤≥≠]\|\.\.\|[@&|?=<>!+*/^-]'
syntax match amalNumber '\v<\d+(\.\.@!\d*)?([eE][+-]?\d+)?>|\.\d+([eE][+-]?\d+)?>'
" Words are keywords only where a name cannot stand: these patterns look at their neighbours as the lexer does.
syntax match amalStatement '\v(^|[;{}])@<=\s*<(source|silo|target|split|algorithm|metric|let|train|evaluate|predict|save|load|option|for|use|export|param|key|fd|fk|match)>(\s+[A-Za-z0-9_`"])@='
syntax match amalControl '\v<(print|return|repeat|if|while|else|fit)>(\s*[A-Za-z0-9_({])@='
syntax match amalClause '\v([A-Za-z0-9_)\]}"`'']\s+)@<=<(from|at|into|seed|on|with|to|via|assign|fuzzy|within|order|conflict|distinct|missing|policy|as|is|in|and|or|not)>(\s*[:=(,])@!'
syntax match amalQuantifier '\v<(forall|exists|asof)>(\s+[A-Za-z_`])@='
syntax match amalConstant '\v<(null|true|false)>(\s*:)@!'
syntax match amalRole '\v(:\s*)@<=<(feature|label|weight|id)>'
syntax match amalType '\v([:A-Za-z0-9_]\s+)@<=<(bool|cat|date|days|hash|int|num|onehot|ordinal|rowid|text|time|vector)>(\s*[:=])@!'
syntax match amalFunction '\v<(abs|cbind|ceil|cholesky|colmax|colmeans|colmin|colsds|colsums|colvars|contains|cos|count|crossprod|day|diag|dot|eigvals|eigvecs|ends|exp|expm1|extract|eye|features|floor|full|hour|iota|isnan|label|length|log|log1p|lower|max|mean|min|mod|month|ncol|norm|not|nrow|number|onehot|ones|part|pmax|pmin|pow|rand|randn|rank|rbind|recip|replace|round|rowargmax|rowargmin|rowmax|rowmeans|rowmin|rowsums|sd|sigmoid|sign|sin|solve|sqrt|square|starts|sum|tanh|trace|trim|upper|var|weekday|weight|where|year|zeros)>(\()@='
syntax match amalQuoted '`[^`]*`'
syntax match amalEscape contained '\\["\\nt]'
syntax region amalString start='"' end='"\|$' contains=amalEscape
syntax match amalComment '#.*$' contains=@Spell
syntax region amalComment start='/\*' end='\*/' contains=@Spell
syntax sync ccomment amalComment

highlight default link amalOperator Operator
highlight default link amalNumber Number
highlight default link amalStatement Statement
highlight default link amalControl Repeat
highlight default link amalClause Keyword
highlight default link amalQuantifier Keyword
highlight default link amalConstant Constant
highlight default link amalRole StorageClass
highlight default link amalType Type
highlight default link amalFunction Function
highlight default link amalQuoted Identifier
highlight default link amalEscape SpecialChar
highlight default link amalString String
highlight default link amalComment Comment

let b:current_syntax = 'amal'
