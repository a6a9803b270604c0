using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Capbox.Capture;
using Capbox.Nic;

namespace Capbox.Cli;

/// <summary>Result of <c>config check --json</c>.</summary>
internal sealed record ConfigCheckReport(string File, bool Good, IReadOnlyList<Config.ConfigError> Errors);

/// <summary>One segment as <c>segments --json</c> lists it.</summary>
/// <param name="Start">UTC as in the file's name, ISO 8601 basic form.</param>
/// <param name="InProgress">Not sealed: being written, or left by a crash and sealed at the next start.</param>
internal sealed record SegmentListing(string Path, ulong Sequence, string Start, long Bytes, bool InProgress);

/// <summary>Everything that --json writes; generated code, since there is no reflection in a NativeAOT binary.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(RecorderSnapshot))]
[JsonSerializable(typeof(IReadOnlyList<PortInfo>))]
[JsonSerializable(typeof(IReadOnlyList<SegmentListing>))]
[JsonSerializable(typeof(ConfigCheckReport))]
[JsonSerializable(typeof(Extract.ExtractReport))]
[JsonSerializable(typeof(IReadOnlyList<Pcapng.VerifyReport>))]
internal sealed partial class Json : JsonSerializerContext
{
    /// <summary>One line on standard output.</summary>
    public static void WriteLine<T>(T value, JsonTypeInfo<T> type) => Console.Out.WriteLine(JsonSerializer.Serialize(value, type));
}
