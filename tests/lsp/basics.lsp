# Life of a server: capabilities, a document without and with errors, what is said about names, the end.
call 1 initialize {"processId": null, "capabilities": {}}
send {"jsonrpc": "2.0", "method": "initialized", "params": {}}
open star.amal
source flights from "flights.csv" { tailnum: text, dest: text, arr_delay: num, distance: num } # One row a flight.
source planes from "planes.csv" { tailnum: text, seats: num, key(tailnum) }
target T { late: label num, distance: feature num, seats: feature num missing mean }

# Planes that are not on record leave the flight in.
m: flights(tailnum: t, arr_delay: a, distance: x) & planes(tailnum: t, seats: s)? & a is not null
  -> T(late: a > 15, distance: x, seats: max(s, 1));

split T into train 0.8, test 0.2 seed 42;

# small: least squares, one step at a time.
algorithm small(steps = 10, rate = 0.1) {
  fit(X: [n, d], y: [n, 1]) {
    w = zeros(d, 1);
    repeat steps {
      w = w - rate * (X' @ (X @ w - y)) / n;
    }
    return w;
  }
  predict(X: [m, d]) { return X @ w; }
}
metric worst(y: [n, 1], p: [n, 1]) { return max(abs(y - p)); }

train risk = small(steps = 20) on T.train;
train other = ridge(lambda = 1) on T.train;
evaluate risk on T.test with worst, rmse;
let half = label(T) / 2;
print risk.w;
.
# hover: a source, a column, a variable, a role of the body, a tgd, a target, a column of the target, a row function
call 10 textDocument/hover at source fli|ghts
call 11 textDocument/hover at flights(|tailnum
call 12 textDocument/hover at (tailnum: |t,
call 13 textDocument/hover at & pla|nes
call 14 textDocument/hover at |m: flights
call 15 textDocument/hover at -> |T(
call 16 textDocument/hover at x, se|ats: max
call 17 textDocument/hover at m|ax(s
# a local variable with its shape, an expression, a function, a hyperparameter, a dimension
call 20 textDocument/hover at |w = w - rate
call 21 textDocument/hover at X |@ w - y
call 22 textDocument/hover at zer|os(d
call 23 textDocument/hover at small(st|eps = 20
call 24 textDocument/hover at zeros(|d
# an algorithm, a metric of the library, one of its own, a part, a model, its field, a let
call 30 textDocument/hover at = sm|all
call 31 textDocument/hover at rm|se
call 32 textDocument/hover at with wo|rst
call 33 textDocument/hover at risk on T.te|st
call 34 textDocument/hover at evaluate ri|sk
call 35 textDocument/hover at risk.|w
call 36 textDocument/hover at let ha|lf
# nothing to say
call 39 textDocument/hover at 3:0
# definitions: a source, a variable, a target's column, a local, what fit returns, a model, of the library
call 40 textDocument/definition at & pla|nes
call 41 textDocument/definition at max(|s
call 42 textDocument/definition at T(la|te:
call 43 textDocument/definition at return X @ |w
call 44 textDocument/definition at risk.|w
call 45 textDocument/definition at print ri|sk
call 46 textDocument/definition at ri|dge
call 47 textDocument/references at (tailnum: |t,
call 48 textDocument/completion at print risk.|w
call 50 textDocument/documentSymbol {"textDocument": {"uri": "$HERE/star.amal"}}
# a name mistyped: the message, its note, a fix
change 2 [{"range": {"start": {"line": 5, "character": 52}, "end": {"line": 5, "character": 58}}, "text": "plaens"}]
call 60 textDocument/codeAction {"textDocument": {"uri": "$HERE/star.amal"}, "range": {"start": {"line": 5, "character": 54}, "end": {"line": 5, "character": 54}}, "context": {"diagnostics": []}}
# text that does not parse: only that is said, and what does parse still has its names
change 3 [{"range": {"start": {"line": 8, "character": 0}, "end": {"line": 8, "character": 5}}, "text": "split T into into"}]
call 70 textDocument/hover at 0:9
# all of it anew
change 4 [{"text": "source S from \"S.csv\" { x: num }\ntarget T { x: feature num }\nS(x: x) -> T(x: x);\nprint ncol(features(T)) + \n"}]
change 5 [{"text": "source S from \"S.csv\" { x: num }\ntarget T { x: feature num }\nS(x: x) -> T(x: x);\nprint ncol(features(T)) + 1;\n"}]
# formatting: an edit, none where nothing is to do, null where the text does not parse
call 80 textDocument/formatting {"textDocument": {"uri": "$HERE/star.amal"}, "options": {"tabSize": 2, "insertSpaces": true}}
change 6 [{"text": "# kept\nsource S from \"S.csv\" {x:num}   # é\ntarget T { x: feature num }\nS(x:x)->T(x:x)  ;"}]
call 81 textDocument/formatting {"textDocument": {"uri": "$HERE/star.amal"}, "options": {"tabSize": 2, "insertSpaces": true}}
change 7 [{"text": "source"}]
call 82 textDocument/formatting {"textDocument": {"uri": "$HERE/star.amal"}, "options": {"tabSize": 2, "insertSpaces": true}}
call 90 shutdown
send {"jsonrpc": "2.0", "method": "exit"}
end
