;;; amal-mode.el --- Editing Amal scripts  -*- lexical-binding: t; -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "26.1"))
;; Keywords: languages

;;; Commentary:

;; Colours, comments, indentation and, where eglot is, the language server `amal lsp'.
;; The lists of words are those of the compiler; the tests compare them.

;;; Code:

(defgroup amal nil "Amal scripts." :group 'languages)

(defcustom amal-command "amal"
  "The command amal: a name in the path, or a file."
  :type 'string)

(defcustom amal-indent 2
  "Columns of an indentation."
  :type 'integer)

(defconst amal-statement-words
  '("source" "silo" "target" "split" "algorithm" "metric" "let" "train" "evaluate" "predict" "save" "load" "option" "for" "use" "export" "param" "key" "fd" "fk" "match"))

(defconst amal-control-words
  '("print" "return" "repeat" "if" "while"))

(defconst amal-clause-words
  '("from" "at" "into" "seed" "on" "with" "to" "via" "assign" "fuzzy" "within" "order" "conflict" "distinct" "missing" "policy" "as" "is" "in" "and" "or" "not"))

(defconst amal-quantifier-words
  '("forall" "exists" "asof"))

(defconst amal-constant-words
  '("null" "true" "false"))

(defconst amal-role-words
  '("feature" "label" "weight" "id"))

(defconst amal-type-words
  '("bool" "cat" "date" "days" "hash" "int" "num" "onehot" "ordinal" "rowid" "text" "time" "vector"))

(defconst amal-function-words
  '("abs" "cbind" "ceil" "cholesky" "colmax" "colmeans" "colmin" "colsds" "colsums" "colvars" "contains" "cos" "count" "crossprod" "day" "diag" "dot" "eigvals" "eigvecs" "ends" "exp" "expm1" "extract" "eye" "features" "floor" "full" "hour" "iota" "isnan" "label" "length" "log" "log1p" "lower" "max" "mean" "min" "mod" "month" "ncol" "norm" "not" "nrow" "number" "onehot" "ones" "part" "pmax" "pmin" "pow" "rand" "randn" "rank" "rbind" "recip" "replace" "round" "rowargmax" "rowargmin" "rowmax" "rowmeans" "rowmin" "rowsums" "sd" "sigmoid" "sign" "sin" "solve" "sqrt" "square" "starts" "sum" "tanh" "trace" "trim" "upper" "var" "weekday" "weight" "where" "year" "zeros"))

;; Words are keywords only where a name cannot stand: the patterns look at their neighbours as the lexer does.
(defvar amal-font-lock-keywords
  `((,(concat "\\(?:^\\|[;{}]\\)[ \t]*\\(" (regexp-opt amal-statement-words) "\\)[ \t]+[[:alnum:]_`\"]")
     (1 font-lock-keyword-face))
    (,(concat "\\_<\\(" (regexp-opt (append amal-control-words '("else" "fit"))) "\\)\\_>[ \t]*[[:alnum:]_({]")
     (1 font-lock-keyword-face))
    (,(concat "[[:alnum:]_)}\"`'][ \t]+\\(" (regexp-opt amal-clause-words) "\\)\\_>[ \t]*\\(?:[^:=(, \t]\\|$\\)")
     (1 font-lock-builtin-face))
    (,(concat "\\_<\\(" (regexp-opt amal-quantifier-words) "\\)[ \t]+[[:alpha:]_`]") (1 font-lock-keyword-face))
    (,(regexp-opt amal-constant-words 'symbols) . font-lock-constant-face)
    (,(concat ":[ \t]*\\(" (regexp-opt amal-role-words) "\\)\\_>") (1 font-lock-preprocessor-face))
    (,(concat "[:[:alnum:]_][ \t]+\\(" (regexp-opt amal-type-words) "\\)\\_>[ \t]*\\(?:[^:= \t]\\|$\\)")
     (1 font-lock-type-face))
    (,(concat "\\_<\\(" (regexp-opt amal-function-words) "\\)(") (1 font-lock-function-name-face))
    ("`[^`\n]*`" . font-lock-variable-name-face)))

(defvar amal-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?_ "_" table)
    (modify-syntax-entry ?# "<" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?/ ". 14b" table)
    (modify-syntax-entry ?* ". 23b" table)
    (modify-syntax-entry ?\" "\"" table)
    (modify-syntax-entry ?\' "." table)
    (modify-syntax-entry ?\` "." table)
    table))

(defun amal-indent-line ()
  "Indent the line by the brackets that are open before it."
  (interactive)
  (let* ((depth (save-excursion
                  (back-to-indentation)
                  (let ((open (car (syntax-ppss))))
                    (if (looking-at "[]})]") (1- open) open))))
         (column (* amal-indent (max depth 0))))
    (if (<= (current-column) (current-indentation))
        (indent-line-to column)
      (save-excursion (indent-line-to column)))))

;;;###autoload
(define-derived-mode amal-mode prog-mode "Amal"
  "Major mode for Amal scripts."
  (setq-local font-lock-defaults '(amal-font-lock-keywords))
  (setq-local comment-start "# ")
  (setq-local comment-start-skip "\\(?:#+\\|/\\*+\\)[ \t]*")
  (setq-local indent-line-function #'amal-indent-line)
  (setq-local indent-tabs-mode nil)
  (setq-local fill-column 120)
  (setq-local compile-command (concat amal-command " check " (shell-quote-argument (or buffer-file-name "")))))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.amal\\'" . amal-mode))

(defvar eglot-server-programs)
(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs (cons 'amal-mode (lambda (&rest _) (list amal-command "lsp")))))

(provide 'amal-mode)
;;; amal-mode.el ends here
