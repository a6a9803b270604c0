namespace Capbox.Timing;

/// <summary>The clock rejects a request; the message has the reason.</summary>
internal sealed class ClockRequestException(string reason) : Exception(reason);
