"""Which warnings a call makes errors, as its flags say it: names checked, old spellings understood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.commands.options import Options
from eltbuild.errors import DEPRECATIONS, Problem, Strictness, UsageError, did_you_mean

KEYS = ("error", "warn", "silence")
OLD_KEYS: Mapping[str, str] = {"include": "error", "exclude": "warn"}
"""By what older versions of dbt called them, the keys of today."""
ALL = ("all", "*")
FLAG = "--warn-error-options"
NAMES = """
    AccessRefused AmbiguousAlias AnotherRun ArtifactNotWritten AuditFailed CacheProblem Circle ColumnNotPresent
    ConfigNotApplied ConfigWithoutEffect ConfigurationChanged ConstraintDropped ContractBroken ContractIgnored
    ForeignRelation IndexDropped NameTooLong NoState PlanWithoutWarehouse ProfileNotFound RepeatedKeys StateDamaged
    StateNotInTarget UndeclaredEnvironment UnenforcedConstraint UnknownFlag UnknownParameter
"""
"""What warnings are called here and not in dbt."""
DBT_NAMES = """
    AdapterDeprecationWarning AdapterEventDebug AdapterEventError AdapterEventInfo AdapterEventWarning
    AdapterImportError AdapterRegistered ArgumentsPropertyInGenericTestDeprecation ArtifactUploadError
    ArtifactUploadSkipped ArtifactUploadSuccess ArtifactWritten BehaviorChangeEvent BuildingCatalog CacheAction
    CacheDumpGraph CacheMiss CannotGenerateDocs CatalogGenerationError CatalogWritten CatchableExceptionOnRun
    CheckCleanPath CheckNodeTestFailure CodeExecution CodeExecutionStatus ColTypeChange
    CollectFreshnessReturnSignature CommandCompleted CompileComplete CompiledNode ConcurrencyLine
    ConfigDataPathDeprecation ConfigFolderDirectory ConfigLogPathDeprecation ConfigSourcePathDeprecation
    ConfigTargetPathDeprecation ConfirmCleanPath ConnectionClosed ConnectionClosedInCleanup ConnectionLeftOpen
    ConnectionLeftOpenInCleanup ConnectionReused ConnectionUsed ConstraintNotEnforced ConstraintNotSupported
    CustomKeyInConfigDeprecation CustomKeyInObjectDeprecation CustomOutputPathInSourceFreshnessDeprecation
    CustomTopLevelKeyDeprecation DatabaseErrorRunningHook DebugCmdOut DebugCmdResult DefaultSelector DeprecatedModel
    DeprecatedReference DeprecationsSummary DepsAddPackage DepsCreatingLocalSymlink DepsFoundDuplicatePackage
    DepsInstallInfo DepsListSubdirectory DepsLockUpdating DepsNoPackagesFound DepsNotifyUpdatesAvailable
    DepsScrubbedPackageName DepsSetDownloadDirectory DepsStartPackageInstall DepsSymlinkNotAvailable DepsUnpinned
    DepsUpToDate DepsUpdateAvailable DisableTracking DuplicateNameDistinctNodeTypesDeprecation
    DuplicateYAMLKeysDeprecation EndOfRunSummary EndRunResult EnsureGitInstalled
    EnvironmentVariableNamespaceDeprecation EnvironmentVariableRenamed ExposureNameDeprecation FinishedCleanPaths
    FinishedRunningStats FlushEvents FlushEventsFailure Formatting FoundStats FreshnessCheckComplete
    FreshnessConfigProblem GenerateSchemaNameNullValueDeprecation GenericExceptionOnRun
    GenericJSONSchemaValidationDeprecation GenericSemanticLayerDeprecation GetMetaKeyWarning GitNothingToDo
    GitProgressCheckedOutAt GitProgressCheckoutRevision GitProgressPullingNewDependency
    GitProgressUpdatedCheckoutRange GitProgressUpdatingExistingDependency GitSparseCheckoutSubdirectory HooksRunning
    InputFileDiffError InternalDeprecation InternalErrorOnRun InvalidConcurrentBatchesConfig
    InvalidDisabledTargetInTestNode InvalidMacroAnnotation InvalidOptionYAML InvalidProfileTemplateYAML
    InvalidValueForField JinjaLogDebug JinjaLogInfo JinjaLogWarning ListCmdOut ListRelations LogBatchResult
    LogCancelLine LogDbtProfileError LogDbtProjectError LogDebugStackTrace LogFreshnessResult LogFunctionResult
    LogHookEndLine LogHookStartLine LogModelResult LogNodeNoOpResult LogNodeResult LogOverloadResult LogSeedResult
    LogSkipBecauseError LogSnapshotResult LogStartBatch LogStartLine LogStartOverload LogTestResult MFConverterIssue
    MFCumulativeTypeParamsDeprecation MFTimespineWithoutYamlConfigurationDeprecation MacroNotFoundForPatch
    MainEncounteredError MainKeyboardInterrupt MainReportArgs MainReportVersion MainStackTrace MainTrackingUserState
    MarkSkippedChildren MetricAttributesRenamed MicrobatchExecutionDebug MicrobatchMacroOutsideOfBatchesDeprecation
    MicrobatchModelNoEventTimeInputs MissingArgumentsPropertyInGenericTestDeprecation MissingPlusPrefixDeprecation
    MissingProfileTarget ModelParamUsageDeprecation ModulesItertoolsUsageDeprecation NewConnection
    NewConnectionOpening NoNodeForYamlKey NoNodesForSelectionCriteria NoNodesSelected NoSampleProfileFound
    NodeCompiling NodeConnectionReleaseError NodeExecuting NodeFinished NodeNotFoundOrDisabled NodeStart Note
    NothingToDo OpenCommand PackageInstallPathDeprecation PackageMaterializationOverrideDeprecation
    PackageNodeDependsOnRootProjectNode PackageRedirectDeprecation ParseInlineNodeError ParsePerfInfoPath
    ParsedFileLoadFailed PartialParsingEnabled PartialParsingError PartialParsingErrorProcessingFile
    PartialParsingFile PartialParsingNotEnabled PartialParsingSkipParsing PluginLoadError PrintEvent
    ProfileWrittenWithProjectTemplateYAML ProfileWrittenWithSample ProfileWrittenWithTargetTemplateYAML
    ProjectCreated ProjectFlagsMovedDeprecation ProjectNameAlreadyExists PropertyMovedToConfigDeprecation
    ProtectedCleanPath QueryCancelationUnsupported RecordReplayIssue RecordRetryException
    RegistryIndexProgressGETRequest RegistryIndexProgressGETResponse RegistryProgressGETRequest
    RegistryProgressGETResponse RegistryResponseExtraNestedKeys RegistryResponseMissingNestedKeys
    RegistryResponseMissingTopKeys RegistryResponseUnexpectedType ResourceNamesWithSpacesDeprecation ResourceReport
    RetryExternalCall Rollback RollbackFailed RunResultError RunResultErrorNoMessage RunResultFailure
    RunResultWarning RunResultWarningMessage RunningOperationCaughtError RunningOperationUncaughtError SQLCommit
    SQLCompiledPath SQLQuery SQLQueryStatus SQLRunnerException SchemaCreation SchemaDrop
    SeedExceedsLimitAndPathChanged SeedExceedsLimitChecksumChanged SeedExceedsLimitSamePath SeedHeader SeedIncreased
    SelectExcludeIgnoredWithSelectorWarning SelectorReportInvalidSelector SemanticValidationFailure SendEventFailure
    SendingEvent SettingUpProfile ShowNode SkippingDetails SnapshotTimestampWarning
    SourceFreshnessProjectHooksNotRun SourceOverrideDeprecation SpacesInResourceNameDeprecation StarterProjectPath
    StateCheckVarsHash StatsLine SystemCouldNotWrite SystemExecutingCmd SystemReportReturnCode SystemStdErr
    SystemStdOut TestsConfigDeprecation TimeDimensionsRequireGranularityDeprecation TimingInfoCollected
    TrackingInitializeFailure TypeCodeNotFound UnableToPartialParse UnexpectedJinjaBlockDeprecation
    UnpinnedRefNewVersionAvailable UnsupportedConstraintMaterialization UnusedResourceConfigPath UnusedTables
    UnversionedBreakingChange UpcomingReferenceDeprecation V2ParserEnd V2ParserStart ValidationWarning
    WEOIncludeExcludeDeprecation WarnStateTargetEqual WriteCatalogFailure WritingInjectedSQLForNode
    WrongResourceSchemaFile
"""
"""What events are called in dbt: some never happen here, and a script may list them all the same."""


def strictness_of(options: Options) -> Strictness:
    """What the flags say of warnings. Raises `UsageError` for a key, a value or a name that there is none of."""
    given = _keys(options.warn_error_options or {})
    errors = given.get("error") or ()
    everything = errors in ALL
    lists = {key: _names(key, given.get(key), key == "error") for key in KEYS}
    if lists["warn"] and not everything and not options.warn_error and not _of_deprecations(lists):
        hint = "give {error: all, warn: [...]}: what `warn` lists is spared"
        raise UsageError(Problem(f"`warn` of {FLAG} says what is no error where all the others are", hint=hint))
    return Strictness(
        everything=bool(options.warn_error) or everything,
        errors=lists["error"], spared=lists["warn"], silenced=lists["silence"],
    )  # fmt: skip


def _of_deprecations(lists: Mapping[str, frozenset[str]]) -> bool:
    return DEPRECATIONS in lists["error"] | lists["silence"]


def _keys(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The mapping under the keys of today."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = OLD_KEYS.get(str(key), str(key))
        if name not in KEYS:
            hint = did_you_mean(str(key), KEYS) or "write {error: [...], warn: [...], silence: [...]}"
            raise UsageError(Problem(f"{FLAG} has no `{key}`", hint=hint))
        if name in found:
            old = next(old for old, new in OLD_KEYS.items() if new == name)
            raise UsageError(Problem(f"`{old}` and `{name}` of {FLAG} are one thing", hint=f"give `{name}` alone"))
        found[name] = value
    return found


def _names(key: str, value: Any, may_be_all: bool) -> frozenset[str]:
    """The names of a list, none for `all`."""
    if value is None or (may_be_all and value in ALL):
        return frozenset()
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        what = "a list of names, or `all`" if may_be_all else "a list of names"
        raise UsageError(Problem(f"`{key}` of {FLAG} must be {what}"))
    known = {*NAMES.split(), *DBT_NAMES.split(), DEPRECATIONS}
    for name in value:
        if name not in known:
            hint = did_you_mean(name, known) or "`--log-format json` tells the name of each warning"
            raise UsageError(Problem(f"`{key}` of {FLAG}: there is no warning `{name}`", hint=hint))
    return frozenset(value)
