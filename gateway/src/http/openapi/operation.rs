//! An operation as its description is written down, and as the document has it.

use hyper::StatusCode;
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Content, ContentBuilder, HeaderBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
        Schema, SecurityRequirement,
        example::ExampleBuilder,
        extensions::ExtensionsBuilder,
        path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{AllOfBuilder, ObjectBuilder, Type},
    },
};

use super::schemas::{ClassicProblem, Problem};
use crate::http::{
    error::{ErrorCode, header_of},
    router::Route,
    surface::Surface,
};

/// The media types that answers have.
pub(super) const JSON: &str = "application/json";
pub(super) const PROBLEM_JSON: &str = "application/problem+json";
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// What a key's answers say of its rate limit, and the components that describe it.
const RATE_LIMIT_HEADERS: [(&str, &str); 3] = [
    ("RateLimit-Limit", "RateLimitLimit"),
    ("RateLimit-Remaining", "RateLimitRemaining"),
    ("RateLimit-Reset", "RateLimitReset"),
];

/// Refusals of a request whose path may not even be known, and which then speaks as version 1 does.
const UNREAD: [ErrorCode; 3] =
    [ErrorCode::RequestInvalid, ErrorCode::UriTooLong, ErrorCode::HeadersTooLarge];

/// What an operation takes and gives.
pub(super) struct Description {
    pub(super) route: Route,
    pub(super) method: HttpMethod,
    /// Its name in generated clients.
    pub(super) id: &'static str,
    pub(super) group: Group,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) access: Access,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    /// Every refusal that it can give.
    pub(super) refusals: Vec<ErrorCode>,
}

/// What operations are shown together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Group {
    Payments,
    Refunds,
    Orders,
    Transactions,
    Ledger,
    Exceptions,
    Customers,
    Providers,
    Merchants,
    Keys,
    Events,
    Webhooks,
    Storage,
    Classic,
    Simulator,
    Probes,
    Documentation,
}

/// Who may use an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    /// Whoever asks.
    Open,
    /// A merchant with a key of its own.
    Merchant,
    /// The operator.
    Operator,
    /// Whoever has a key.
    Any,
}

/// A body, in each form that it may have.
pub(super) struct Body {
    pub(super) forms: Vec<BodyForm>,
    required: bool,
}

/// A body in one form.
pub(super) struct BodyForm {
    media_type: &'static str,
    schema: RefOr<Schema>,
    examples: Examples,
}

/// A good answer, or one that has more to say than a refusal.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    description: &'static str,
    media_type: &'static str,
    schema: RefOr<Schema>,
    examples: Examples,
    /// Codes, where the answer is a problem.
    codes: Vec<ErrorCode>,
    replayable: bool,
}

type Examples = Vec<(&'static str, &'static str, Value)>;

impl Group {
    pub(super) const ALL: [Self; 17] = [
        Self::Payments,
        Self::Refunds,
        Self::Orders,
        Self::Transactions,
        Self::Ledger,
        Self::Exceptions,
        Self::Customers,
        Self::Providers,
        Self::Merchants,
        Self::Keys,
        Self::Events,
        Self::Webhooks,
        Self::Storage,
        Self::Classic,
        Self::Simulator,
        Self::Probes,
        Self::Documentation,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Payments => "Payments",
            Self::Refunds => "Refunds",
            Self::Orders => "Orders",
            Self::Transactions => "Transactions",
            Self::Ledger => "Ledger",
            Self::Exceptions => "Exceptions",
            Self::Customers => "Customers",
            Self::Providers => "Providers",
            Self::Merchants => "Merchants",
            Self::Keys => "Keys",
            Self::Events => "Events",
            Self::Webhooks => "Webhooks",
            Self::Storage => "Storage",
            Self::Classic => "Classic",
            Self::Simulator => "Simulator",
            Self::Probes => "Probes",
            Self::Documentation => "Documentation",
        }
    }

    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::Payments => "What merchants are paid with.",
            Self::Refunds => "What goes back to customers.",
            Self::Orders => "What merchants want to be paid for.",
            Self::Transactions => "Attempts to move money.",
            Self::Ledger => "Where the money stands, and how it came there.",
            Self::Exceptions => "What operators have to decide, and what nobody knows yet.",
            Self::Customers => "Whom payments are made by, as far as something personal is kept.",
            Self::Providers => "Who moves the money.",
            Self::Merchants => "Whom payments are made to.",
            Self::Keys => "What clients prove themselves with.",
            Self::Events => {
                "What has happened, each event once and in an order that never changes."
            }
            Self::Webhooks => "Who is told what happens, and whether it has arrived.",
            Self::Storage => "Snapshots and backups of everything there is.",
            Self::Classic => {
                "For clients that were written for the older API: camelCase, answers and errors in \
                 an envelope, unknown fields ignored. Its operations are those of version 1."
            }
            Self::Simulator => "The simulated provider of test mode.",
            Self::Probes => "Whether the gateway is well, for orchestrators and load balancers.",
            Self::Documentation => "What you are reading.",
        }
    }
}

impl Access {
    /// Who that is.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Open => "anybody",
            Self::Merchant => "merchant",
            Self::Operator => "operator",
            Self::Any => "any",
        }
    }

    /// The ways to authenticate; any of them will do.
    fn requirements(self) -> Option<Vec<SecurityRequirement>> {
        const NO_SCOPES: [&str; 0] = [];
        match self {
            Self::Open => None,
            Self::Merchant | Self::Operator | Self::Any => Some(vec![
                SecurityRequirement::new("bearer", NO_SCOPES),
                SecurityRequirement::new("basic", NO_SCOPES),
                SecurityRequirement::new("apiKey", NO_SCOPES),
                SecurityRequirement::new("apiKey", NO_SCOPES).add("apiSecret", NO_SCOPES),
            ]),
        }
    }
}

impl Body {
    pub(super) fn json(schema: RefOr<Schema>) -> Self {
        let forms = vec![BodyForm { media_type: JSON, schema, examples: Vec::new() }];
        Self { forms, required: true }
    }

    /// A form, and nothing else.
    pub(super) fn form(schema: RefOr<Schema>) -> Self {
        let forms = vec![BodyForm { media_type: FORM, schema, examples: Vec::new() }];
        Self { forms, required: true }
    }

    /// A body that need not be there.
    pub(super) fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    /// The same in another form; examples that follow are of that form.
    pub(super) fn or_form(mut self, schema: RefOr<Schema>) -> Self {
        self.forms.push(BodyForm { media_type: FORM, schema, examples: Vec::new() });
        self
    }

    /// An example in the latest form. Where an answer has one of the same name, that is the answer.
    pub(super) fn example(
        mut self,
        name: &'static str,
        summary: &'static str,
        value: Value,
    ) -> Self {
        if let Some(form) = self.forms.last_mut() {
            form.examples.push((name, summary, value));
        }
        self
    }
}

impl Answer {
    pub(super) fn of(
        status: StatusCode,
        description: &'static str,
        media_type: &'static str,
        schema: RefOr<Schema>,
    ) -> Self {
        Self {
            status,
            description,
            media_type,
            schema,
            examples: Vec::new(),
            codes: Vec::new(),
            replayable: false,
        }
    }

    pub(super) fn json<T: ToSchema>(status: StatusCode, description: &'static str) -> Self {
        Self::of(status, description, JSON, reference::<T>())
    }

    pub(super) fn example(
        mut self,
        name: &'static str,
        summary: &'static str,
        value: Value,
    ) -> Self {
        self.examples.push((name, summary, value));
        self
    }

    /// A problem with one of these codes.
    pub(super) fn with_codes(mut self, codes: &[ErrorCode]) -> Self {
        self.codes = codes.to_vec();
        self
    }

    /// An answer that an idempotency key repeats.
    pub(super) fn replayable(mut self) -> Self {
        self.replayable = true;
        self
    }

    fn into_response(self) -> Response {
        let schema = narrowed(self.schema, self.status, &self.codes, Surface::V1);
        let content = content(schema, self.examples);
        let mut response = ResponseBuilder::new()
            .description(self.description)
            .content(self.media_type, content)
            .header_ref("X-Request-Id", header_ref("RequestId"));
        if self.replayable {
            response = response.header_ref("Idempotent-Replayed", header_ref("IdempotentReplayed"));
        }
        response.build()
    }
}

impl Description {
    /// The same as the document has it.
    pub(super) fn into_operation(self) -> Operation {
        let surface = Surface::of_path(self.route.template());
        let key = ExtensionsBuilder::new().add("x-key", json!(self.access.name())).build();
        let mut operation = OperationBuilder::new()
            .tag(self.group.name())
            .summary(Some(self.summary))
            .description(Some(self.description))
            .operation_id(Some(self.id))
            .securities(self.access.requirements())
            .extensions(Some(key));
        for parameter in self.parameters {
            operation = operation.parameter(parameter);
        }
        operation = operation.parameter_ref(Ref::new("#/components/parameters/RequestId"));
        if let Some(Body { forms, required }) = self.body {
            let required = if required { Required::True } else { Required::False };
            let mut body = RequestBodyBuilder::new().required(Some(required));
            for BodyForm { media_type, schema, examples } in forms {
                body = body.content(media_type, content(schema, examples));
            }
            operation = operation.request_body(Some(body.build()));
        }
        let mut responses: Vec<(StatusCode, Response)> = Vec::new();
        for answer in self.answers {
            let (status, response) = (answer.status, answer.into_response());
            match responses.iter_mut().find(|(known, _response)| *known == status) {
                // The same in another form.
                Some((_status, known)) => known.content.extend(response.content),
                None => responses.push((status, response)),
            }
        }
        let mut refuse = |codes: &[ErrorCode], surface| {
            for (status, codes) in by_status(codes) {
                let refusal = refusal(status, &codes, surface);
                match responses.iter_mut().find(|(known, _response)| *known == status) {
                    Some((_status, response)) => {
                        response.content.extend(refusal.content);
                        response.headers.extend(refusal.headers);
                    }
                    None => responses.push((status, refusal)),
                }
            }
        };
        refuse(&self.refusals, surface);
        if surface == Surface::Classic {
            refuse(&UNREAD, Surface::V1);
        }
        responses.sort_by_key(|(status, _response)| *status);
        for (status, mut response) in responses {
            if self.access != Access::Open {
                for (name, reference) in RATE_LIMIT_HEADERS {
                    response.headers.insert(name.to_owned(), RefOr::Ref(header_ref(reference)));
                }
            }
            operation = operation.response(status.as_str(), response);
        }
        operation.build()
    }
}

/// A schema of the components.
pub(super) fn reference<T: ToSchema>() -> RefOr<Schema> {
    Ref::from_schema_name(T::name()).into()
}

/// A parameter of the path, by the schema of its values.
pub(super) fn path_parameter<T: ToSchema>(
    name: &'static str,
    description: &'static str,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(reference::<T>()))
        .build()
}

/// An optional whole number of the query.
pub(super) fn query_number(
    name: &'static str,
    description: &'static str,
    least: usize,
    most: Option<usize>,
    default: usize,
) -> Parameter {
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(least))
        .maximum(most)
        .default(Some(json!(default)));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(number))
        .build()
}

/// An optional id in the query.
pub(super) fn query_id<T: ToSchema>(name: &'static str, description: &'static str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(reference::<T>()))
        .build()
}

/// An optional parameter of the query, of that form.
pub(super) fn query(
    name: &'static str,
    description: &'static str,
    schema: impl Into<RefOr<Schema>>,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// An optional header of the request.
pub(super) fn header<T: PartialSchema>(name: &'static str, description: &'static str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(T::schema()))
        .build()
}

/// The name of a code's example among the components.
pub(super) fn example_name(code: ErrorCode, surface: Surface) -> String {
    match surface {
        Surface::V1 => code.as_str().to_owned(),
        Surface::Classic => format!("classic_{}", code.as_str()),
    }
}

fn header_ref(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

fn content(schema: RefOr<Schema>, examples: Examples) -> Content {
    let examples = examples.into_iter().map(|(name, summary, value)| {
        (name, ExampleBuilder::new().summary(summary).value(Some(value)))
    });
    ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build()
}

/// The codes of each status, in the order of their documentation.
fn by_status(codes: &[ErrorCode]) -> Vec<(StatusCode, Vec<ErrorCode>)> {
    let mut statuses: Vec<(StatusCode, Vec<ErrorCode>)> = Vec::new();
    for code in codes {
        match statuses.iter_mut().find(|(status, _codes)| *status == code.status()) {
            Some((_status, same)) if same.contains(code) => {}
            Some((_status, same)) => same.push(*code),
            None => statuses.push((code.status(), vec![*code])),
        }
    }
    statuses
}

fn refusal(status: StatusCode, codes: &[ErrorCode], surface: Surface) -> Response {
    let (media_type, schema) = match surface {
        Surface::V1 => (PROBLEM_JSON, reference::<Problem>()),
        Surface::Classic => (JSON, reference::<ClassicProblem>()),
    };
    let mut content = ContentBuilder::new().schema(Some(narrowed(schema, status, codes, surface)));
    content = content.examples_from_iter(codes.iter().map(|code| {
        let name = example_name(*code, surface);
        let reference = Ref::new(format!("#/components/examples/{name}"));
        (code.as_str(), RefOr::Ref(reference))
    }));
    let names: Vec<String> = codes.iter().map(|code| format!("`{}`", code.as_str())).collect();
    let mut response = ResponseBuilder::new()
        .description(format!("Refused: {}.", names.join(", ")))
        .content(media_type, content.build())
        .header_ref("X-Request-Id", header_ref("RequestId"));
    for code in codes {
        if let Some((name, _value)) = header_of(*code) {
            response = match name {
                hyper::header::RETRY_AFTER => {
                    response.header_ref("Retry-After", header_ref("RetryAfter"))
                }
                hyper::header::WWW_AUTHENTICATE => {
                    response.header_ref("WWW-Authenticate", header_ref("Challenge"))
                }
                _other => response,
            };
        }
    }
    response.build()
}

/// A problem's schema with the codes, and for version 1 the status, that it has there.
fn narrowed(
    schema: RefOr<Schema>,
    status: StatusCode,
    codes: &[ErrorCode],
    surface: Surface,
) -> RefOr<Schema> {
    if codes.is_empty() {
        return schema;
    }
    let codes = codes.iter().map(|code| code.as_str());
    let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes));
    let mut narrow = ObjectBuilder::new().schema_type(Type::Object).property("code", code);
    if surface == Surface::V1 {
        let status = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .enum_values(Some([json!(status.as_u16())]));
        narrow = narrow.property("status", status);
    }
    AllOfBuilder::new().item(schema).item(narrow).into()
}

/// A header of answers.
pub(super) fn answer_header(
    description: &'static str,
    value: ObjectBuilder,
) -> utoipa::openapi::Header {
    HeaderBuilder::new().description(Some(description)).schema(Some(value)).build()
}
