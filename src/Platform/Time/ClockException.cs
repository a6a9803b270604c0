namespace Capbox.Platform.Time;

/// <summary>The kernel refused something of a clock. The message names the clock, what was tried, the errno's text, and what to do where that is known.</summary>
public sealed class ClockException(string message, int errno) : IOException(message)
{
    /// <summary>errno(3); 0 when the kernel did not refuse but its answer was useless.</summary>
    public int Errno => errno;
}
