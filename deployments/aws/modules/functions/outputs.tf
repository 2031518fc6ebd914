output "functions" {
  description = "By name: the function's invoke address, its own name and its routes."
  value = {
    for name, function in local.functions : name => {
      name       = aws_lambda_function.this[name].function_name
      alias      = local.by_alias ? aws_lambda_alias.this[name].name : null
      invoke_arn = local.by_alias ? aws_lambda_alias.this[name].invoke_arn : aws_lambda_function.this[name].invoke_arn
      routes     = function.routes
    }
  }
}

output "role_arns" {
  description = "The functions' roles, by name."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
