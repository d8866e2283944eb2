/**
 * How a field of a node is walked: `scalar` is a value without nodes, `constant` an object of scalars, `node` a node in
 * a wrapper that names its kind, `nodes` a list of these. Anything else is the kind of a node that has no wrapper.
 */
type FieldType = string;

/**
 * The kinds of node a SELECT may be made of, and their fields. A kind or a field that is not here is refused, so what
 * a later grammar adds is refused until somebody has looked at it. `?` is a scalar, `=` a constant, `n` a node, `N` nodes.
 */
const GRAMMAR = `
SelectStmt distinctClause:N targetList:N fromClause:N whereClause:n groupClause:N groupDistinct:? havingClause:n windowClause:N
SelectStmt valuesLists:N sortClause:N limitOffset:n limitCount:n limitOption:? withClause:WithClause op:? all:?
SelectStmt larg:SelectStmt rarg:SelectStmt
WithClause ctes:N recursive:?
CommonTableExpr ctename:? aliascolnames:N ctematerialized:? ctequery:n
CommonTableExpr search_clause:CTESearchClause cycle_clause:CTECycleClause
CTESearchClause search_col_list:N search_breadth_first:? search_seq_column:?
CTECycleClause cycle_col_list:N cycle_mark_column:? cycle_mark_value:n cycle_mark_default:n cycle_path_column:?
List items:N
String sval:?
Integer ival:?
Float fval:?
Boolean boolval:?
A_Star
A_Const ival:= fval:= boolval:= sval:= bsval:= isnull:?
ResTarget name:? val:n
ColumnRef fields:N
ParamRef number:?
A_Expr kind:? name:N lexpr:n rexpr:n rexpr_list_start:? rexpr_list_end:?
A_Indirection arg:n indirection:N
A_Indices is_slice:? lidx:n uidx:n
A_ArrayExpr elements:N list_start:? list_end:?
BoolExpr boolop:? args:N
NullTest arg:n nulltesttype:?
BooleanTest arg:n booltesttype:?
CaseExpr arg:n args:N defresult:n
CaseWhen expr:n result:n
CoalesceExpr args:N
MinMaxExpr op:? args:N
SQLValueFunction op:? typmod:?
SubLink subLinkType:? testexpr:n operName:N subselect:n
RowExpr args:N row_format:?
CollateClause arg:n collname:N
TypeCast arg:n typeName:TypeName
TypeName names:N typmods:N typemod:? arrayBounds:N
FuncCall funcname:N args:N agg_order:N agg_filter:n over:WindowDef agg_within_group:? agg_star:? agg_distinct:?
FuncCall func_variadic:? funcformat:?
NamedArgExpr arg:n name:? argnumber:?
GroupingFunc args:N
GroupingSet kind:? content:N
SortBy node:n sortby_dir:? sortby_nulls:? useOp:N
WindowDef name:? refname:? partitionClause:N orderClause:N frameOptions:? startOffset:n endOffset:n
RangeVar schemaname:? relname:? inh:? relpersistence:? alias:Alias
RangeSubselect lateral:? subquery:n alias:Alias
RangeFunction lateral:? ordinality:? is_rowsfrom:? functions:N alias:Alias coldeflist:N
RangeTableSample relation:n method:N args:N repeatable:n
JoinExpr jointype:? isNatural:? larg:n rarg:n usingClause:N join_using_alias:Alias quals:n alias:Alias
Alias aliasname:? colnames:N
ColumnDef colname:? typeName:TypeName is_local:? collClause:CollateClause
XmlExpr op:? name:? named_args:N arg_names:N args:N xmloption:?
XmlSerialize xmloption:? expr:n typeName:TypeName indent:?
JsonFormat format_type:? encoding:?
JsonReturning format:JsonFormat typid:? typmod:?
JsonOutput typeName:TypeName returning:JsonReturning
JsonValueExpr raw_expr:n format:JsonFormat
JsonKeyValue key:n value:JsonValueExpr
JsonObjectConstructor exprs:N output:JsonOutput absent_on_null:? unique:?
JsonArrayConstructor exprs:N output:JsonOutput absent_on_null:?
JsonArrayQueryConstructor query:n output:JsonOutput format:JsonFormat absent_on_null:?
JsonAggConstructor output:JsonOutput agg_filter:n agg_order:N over:WindowDef
JsonObjectAgg constructor:JsonAggConstructor arg:JsonKeyValue absent_on_null:? unique:?
JsonArrayAgg constructor:JsonAggConstructor arg:JsonValueExpr absent_on_null:?
JsonIsPredicate expr:n format:JsonFormat item_type:? unique_keys:?
JsonParseExpr expr:JsonValueExpr output:JsonOutput unique_keys:?
JsonScalarExpr expr:n output:JsonOutput
JsonSerializeExpr expr:JsonValueExpr output:JsonOutput
JsonFuncExpr op:? column_name:? context_item:JsonValueExpr pathspec:n passing:N output:JsonOutput
JsonFuncExpr on_empty:JsonBehavior on_error:JsonBehavior wrapper:? quotes:?
JsonArgument val:JsonValueExpr name:?
JsonBehavior btype:? expr:n
JsonTable context_item:JsonValueExpr pathspec:JsonTablePathSpec passing:N columns:N on_error:JsonBehavior alias:Alias lateral:?
JsonTableColumn coltype:? name:? typeName:TypeName pathspec:JsonTablePathSpec format:JsonFormat wrapper:? quotes:?
JsonTableColumn columns:N on_empty:JsonBehavior on_error:JsonBehavior
JsonTablePathSpec string:n name:? name_location:?
`;

const SHORTHANDS: Readonly<Record<string, FieldType>> = {
  "?": "scalar",
  "=": "constant",
  "n": "node",
  "N": "nodes",
};

function parseGrammar(text: string): ReadonlyMap<string, ReadonlyMap<string, FieldType>> {
  const kinds = new Map<string, Map<string, FieldType>>();
  for (const line of text.trim().split("\n")) {
    const [kind = "", ...fields] = line.split(" ");
    const known = kinds.get(kind) ?? new Map<string, FieldType>([["location", "scalar"]]);
    for (const field of fields) {
      const [name = "", type = ""] = field.split(":");
      known.set(name, SHORTHANDS[type] ?? type);
    }
    kinds.set(kind, known);
  }
  return kinds;
}

/** The fields of each kind of node that a SELECT may be made of. */
export const NODE_FIELDS: ReadonlyMap<string, ReadonlyMap<string, FieldType>> = parseGrammar(GRAMMAR);
