# A script that another one uses counts as it stands in the editor: the file on disk has an error that the open one has not.
call 1 initialize {"capabilities": {}}
open main.amal
use "shared.amal";
target T { x: feature num, y: feature num }
rows(x: x, y: y) -> T(x: x, y: y);
.
open shared.amal
source rows from "rows.csv" { x: num, y: num, z: int }
key rows(z);
.
wait
# changed there, wrong here
change 2 [{"text": "source rows from \"rows.csv\" { x: num, w: num }\n"}]
wait
# closed: the file's own error again
send {"jsonrpc": "2.0", "method": "textDocument/didClose", "params": {"textDocument": {"uri": "$HERE/shared.amal"}}}
wait
wait
call 2 shutdown
send {"jsonrpc": "2.0", "method": "exit"}
end
